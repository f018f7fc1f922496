"""Sign-in through an institution's OpenID Connect provider."""
