"""Handlers: parse a request, call one verb, render the answer."""
