"""The verbs of a chat (post, close a room), over the four ports."""
