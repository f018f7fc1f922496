"""Where the seizable assets of a case are: roll-ups over courts and divisions, and clusters; the read side."""
