"""Totals by court and division.

export_table: the table as CSV and XLSX
rollup: the distribution of a case
tallies: counts and sums by group
"""
