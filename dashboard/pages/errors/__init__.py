"""Errors: groups of failed calls with one cause, and what a person says about them."""
