"""A synthetic fleet with its ground truth, and a client that shows the main job to a new user over HTTP."""
