"""Waiting calls: the lanes, the calls in them, and what a person does about them."""
