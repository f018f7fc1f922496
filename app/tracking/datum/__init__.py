"""Detection of a wrongly declared datum."""
