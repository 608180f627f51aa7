"""What people do in a chat (post, close a room), over the four ports."""
