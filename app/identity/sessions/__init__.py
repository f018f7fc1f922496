"""Sessions of people: sign-in, cookies, sign-out."""
