"""Judging rows: by a labeller model, and by people in Argilla."""
