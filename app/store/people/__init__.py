"""Who may come in, whom runs are shared with, and what people did."""
