"""Who gets in, over which connections, and with what values."""
