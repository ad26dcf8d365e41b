"""Settings: oneself, signing in, mail, the address, background work, backups."""
