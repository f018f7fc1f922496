"""Totals by court and division."""
