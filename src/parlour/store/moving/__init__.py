"""Moves everything that is stored from one place to another, on whichever engines they are (`parlour move`)."""
