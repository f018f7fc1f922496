"""Who is asking: people, keys, sessions, sign-in, and the HTTP dependencies that check them."""
