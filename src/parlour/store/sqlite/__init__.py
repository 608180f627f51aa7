"""The embedded store: one SQLite database in one directory, one writer thread, a few readers."""
