"""Enforcement cases, their assets, seizure measures, and the rule of what may be seized.

service: cases, and who sees what; case_assets: offers and confirmations
seizable: the rule; case_number: parsing a 案号; holds: legal holds
measures: seizure measures and their deadlines; delegation: assignments and entrustments
domain, schemas, errors, queries, tables, router: as in every room
"""
