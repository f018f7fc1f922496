"""What a case gives to others: planning assignments and entrustments."""
