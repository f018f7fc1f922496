"""The group-commit writer: from a decoded batch to the receipt after the commit.

group_writer: the queue; forms groups; isolates rows that cannot be stored
pipeline: the steps of a ping before the database
writer_connection: writes a group on its connection, with retries
commit: the one transaction of a group
batch, receipt, device_cache: the data between the steps
"""
