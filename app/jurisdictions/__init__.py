"""Divisions, courts, court territories, and the way from a point to them."""
