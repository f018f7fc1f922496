"""What a court does: cases, the assets offered and confirmed, seizure measures, and the rule of what is seizable."""
