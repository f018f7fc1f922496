"""The current position while pings arrive.

last_known: last known position of each device in memory, and the check of new fixes against it
update_positions: the SQL that moves positions
"""
