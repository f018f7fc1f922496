"""Import of a lessor's assets from a CSV file."""
