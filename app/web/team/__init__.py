"""The pages for a team, beside the app's own: who is in it, and whom a run is shared with."""
