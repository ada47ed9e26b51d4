"""Models: any OpenAI-compatible endpoint, the scripted one, and what a probe finds out about them."""
