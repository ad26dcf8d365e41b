"""Credentials in their places."""
