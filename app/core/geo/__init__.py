"""Coordinates: datum conversion and geodesy."""
