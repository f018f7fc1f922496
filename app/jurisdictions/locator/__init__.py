"""From a point to the territory that covers it, and the distance to borders."""
