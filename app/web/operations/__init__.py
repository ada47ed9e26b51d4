"""Looking after the app: its log, whether it is ready, what it counts."""
