"""OAuth connections: a consent started and finished, tokens kept fresh, a grant given back."""
