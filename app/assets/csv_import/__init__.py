"""Import of a lessor's assets from a CSV file.

cells: headings and values
parser: the file, line by line
service: the use case
"""
