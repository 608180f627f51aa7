"""Parlour: a chat server that any HTTP client can join."""

__version__ = "0.1.0"
