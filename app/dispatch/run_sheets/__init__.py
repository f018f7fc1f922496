"""The run sheet of a planning assignment.

service: sharing and opening a sheet; content: what is on it; page: the HTML pages
"""
