"""Services that run beside the app, each a script with an environment of its own; `server.py` is Argilla."""
