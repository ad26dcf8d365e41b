"""Calls that are kept: stored before their caller is told so, made again in order, seen to by people."""
