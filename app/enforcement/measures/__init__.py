"""Seizure measures.

service: ordering, renewing, lifting and listing; deadlines: terms and due days; queries
"""
