"""What a chat is: names, events, cursors, permissions, limits and errors; pure, synchronous, stdlib only."""
