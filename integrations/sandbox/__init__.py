"""Providers to try everything with: a process of its own on loopback that imports nothing from the product."""
