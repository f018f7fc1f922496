"""Totals by court and division.

rollup: the distribution of a case; tallies: counts and sums by group; export_table: the table as CSV and XLSX
"""
