"""Webhooks: where they arrive, what arrived and why it was let in, and what became of it."""
