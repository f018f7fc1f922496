"""Loading a boundary layer: files, checks, divisions, courts, territories."""
