"""The relay between nodes: the implementations of the Relay port."""
