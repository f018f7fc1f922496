"""The report of what is stored about an asset or a lessee."""
