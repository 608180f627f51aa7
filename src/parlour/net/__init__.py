"""Sockets: listener, connection, deadlines, TLS and drain."""
