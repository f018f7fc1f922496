"""The run sheet of a planning assignment.

content: the rows of the sheet
page: the HTML pages
service: sharing and opening a sheet
"""
