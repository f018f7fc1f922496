"""Enforcement cases, their assets, seizure measures, and the rule of what may be seized.

case_assets: offers and confirmations
case_number: parses a 案号
domain, errors, schemas, queries, tables, router: types, SQL and routes of this room
holds: legal holds
seizable: the rule of what may be seized
service: cases and who sees them; other rooms use this
delegation, measures: subpackages
"""
