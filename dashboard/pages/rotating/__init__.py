"""Rotating one secret step by step, and the evidence that remains of it."""
