"""The page Review: its rows, filters and actions, and what reviewers said."""
