"""Bytes to values and back, sans-I/O: HTTP/1.1, WebSocket, SSE, forms, strict JSON."""
