"""What was sent to be reviewed, in which order, what people said of it, and what that proves."""
