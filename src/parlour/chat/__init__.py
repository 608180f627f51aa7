"""What people do in a chat (so far: post), over the four ports."""
