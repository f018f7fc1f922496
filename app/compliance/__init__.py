"""Retention, the subject report, and the routes of the audit trail."""
