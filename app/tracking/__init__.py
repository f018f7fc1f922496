"""Where assets are and were: current positions, tracks, and what was true at a time."""
