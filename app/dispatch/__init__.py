"""Run sheets, shares and missions for dispatchers and crews.

missions: a crew sees the assets of its stops.
run_sheets: the run sheet of a planning assignment.
shares: a run sheet opened by link and PIN.
"""
