"""Pages of the vault: the list, one secret, a new one, and what is pasted from an .env file."""
