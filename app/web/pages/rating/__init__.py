"""The page Rate: the labeller, its rubrics, and ratings to look at first."""
