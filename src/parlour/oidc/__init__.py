"""OpenID Connect: what is said to sign-in providers, and what of their answers counts."""
