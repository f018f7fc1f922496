"""The assets of a case at one moment, each with its assessed place."""
