"""Decoders of wire formats."""
