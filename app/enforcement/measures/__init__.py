"""Seizure measures.

deadlines: terms and due days
queries: SQL
service: ordering, renewing, lifting and listing
"""
