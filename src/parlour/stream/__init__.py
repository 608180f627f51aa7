"""Subscription to transport: long-poll, SSE, NDJSON, text and WebSocket."""
