"""A run and its reviewers: what goes to Argilla, what comes back, and rows with all that was said of them."""
