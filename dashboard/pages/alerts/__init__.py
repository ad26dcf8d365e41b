"""Alerts: what is open, when one wants to hear of it, and where else it goes."""
