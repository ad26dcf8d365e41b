"""Requests to clients: the links that were sent, each with what came of it."""
