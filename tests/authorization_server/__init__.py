"""Somebody else's authorization server (the certified npm package oidc-provider), run for a test."""
