"""The run sheet of a planning assignment."""
