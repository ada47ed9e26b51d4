"""The store, in SQLite: a module for each noun of store.py; the columns of their tables are explained in migrations.py."""
