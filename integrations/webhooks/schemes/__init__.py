"""Signature schemes: facts in one file each, a small function only where facts do not suffice."""
