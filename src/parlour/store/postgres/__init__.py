"""The engine on PostgreSQL: the same logs and tables, for as many processes as there are."""
