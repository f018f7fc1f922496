"""Exported files: stamp, digest, CSV and XLSX.

service: the stamp of an export, with user and role; stamp: its lines; headers: the HTTP headers
digest: digest and check of rows; csv_file: writing and reading; workbooks, html_reader: reading for the check
"""
