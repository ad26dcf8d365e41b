"""Rotating a secret without an outage: new beside old, tried, switched, watched, and the old one proved dead."""
