"""The last good answer, for callers who asked for it, while the provider does not give one (RFC 9111, RFC 5861)."""
