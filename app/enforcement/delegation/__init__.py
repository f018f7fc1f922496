"""Rights that a case gives to others: planning assignments and entrustments.

service: giving and withdrawing them; assignments: reading an assignment in force; queries, router
"""
