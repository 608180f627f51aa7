"""The rules of a chat: names, events, cursors, permissions, limits and errors; pure, synchronous, stdlib only."""
