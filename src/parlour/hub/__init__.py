"""Fan-out in this process: live rooms, their subscribers and their recent events."""
