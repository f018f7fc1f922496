"""Run sheets, shares and missions for dispatchers and crews."""
