"""Argilla: how it is reached, what a dataset there shows and asks, records there and back."""
