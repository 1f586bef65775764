"""Conditions as SQL, the same answers as the closures of core on SQLite and PostgreSQL."""
