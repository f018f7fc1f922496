"""Exported files: stamp, digest, CSV and XLSX.

csv_file: writes and reads CSV
digest: digest and check of rows
headers: HTTP headers of a file
html_reader, workbooks: read a saved file for the check
service: the stamp of a user
stamp: user, role and time on a file
"""
