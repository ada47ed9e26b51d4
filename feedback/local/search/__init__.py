"""The search of the embedded Argilla, in SQLite instead of a server of its own."""
