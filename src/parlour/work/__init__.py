"""Followers: what is done behind the log of commits, each with a durable cursor of its own."""
