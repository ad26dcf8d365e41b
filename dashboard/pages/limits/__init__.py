"""Limits: how much of each quota and budget is used, who used it, and when it will be used up."""
