"""Accounts of people: passwords, one-time passwords, authenticators."""
