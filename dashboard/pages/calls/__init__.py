"""Every call through the gateway: the list, and one call in full."""
