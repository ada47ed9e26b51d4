"""The labeller: how a model is asked for ratings, and what its answers say."""
