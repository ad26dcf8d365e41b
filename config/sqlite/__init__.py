"""SQLite, with connections that are kept open."""
