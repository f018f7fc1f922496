"""Rights that a case gives to others: planning assignments and entrustments.

assignments: reading an assignment in force
queries, router: SQL and routes
service: giving and withdrawing these rights
"""
