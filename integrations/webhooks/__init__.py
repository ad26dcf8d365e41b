"""Inbound webhooks: nothing unverified is handed on, nothing verified is lost."""
