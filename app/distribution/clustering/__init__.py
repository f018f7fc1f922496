"""Density clusters of assets."""
