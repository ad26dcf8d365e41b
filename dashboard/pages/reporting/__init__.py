"""Errors that other tools report: their tokens, and what to paste into each tool."""
