"""The statements on the tables of people, one file a resource; migrations make the tables."""
