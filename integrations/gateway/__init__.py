"""The gateway: takes a call with a gateway token and makes it with the client's own credential."""
