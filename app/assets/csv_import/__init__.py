"""Import of a lessor's assets from a CSV file.

service: the use case; parser: the file, line by line; cells: headings and values
"""
