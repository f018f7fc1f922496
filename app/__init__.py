"""LeaseTrace: where the seizable leased assets of a court case are, and how certain that is."""
