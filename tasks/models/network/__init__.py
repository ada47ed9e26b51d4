"""How calls reach an endpoint: proxies, the transport of the openai client, and addresses that not everybody may call."""
