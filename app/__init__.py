"""Claywright's application: the store, the runs, the review, and three ways in."""
