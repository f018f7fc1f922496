"""Duties under data protection law: register of personal data, retention, subject report, routes of the audit trail.

register: the tables that hold personal data: whose, which columns, kept for how long, shown where.
retention: deletion of data that is past its term.
subject_report: what is stored about an asset or a lessee, and who read it.
audit_router, audit_schemas: ``GET /v1/audit``.
tables: ``retention_log``.
"""
