"""The JSON shapes of the public API, shared by server, client and docs."""
