"""Model calls: each sent once and remembered, within limits and budget, until a run is told to stop."""
