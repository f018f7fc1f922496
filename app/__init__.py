"""LeaseTrace: where the seizable leased assets of a court case stand, and how sure that is."""
