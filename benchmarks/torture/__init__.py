"""Break the service and its database under load, and count what was acknowledged and is not there."""
