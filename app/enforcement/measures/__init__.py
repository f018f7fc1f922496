"""Seizure measures and their deadlines."""
