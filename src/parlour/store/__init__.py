"""Logs on disk: the implementations of the Store port."""
