"""The tables of the store, a module for each noun; their columns are explained in app/migrations.py."""
