"""The client library: send, follow, resume."""
