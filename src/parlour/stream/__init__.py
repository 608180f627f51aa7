"""Subscription to transport: SSE, NDJSON, text and WebSocket."""
