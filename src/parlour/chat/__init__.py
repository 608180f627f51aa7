"""The verbs of a chat (post, read), each one function over the ports."""
