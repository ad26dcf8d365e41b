"""One-time links that hand a secret out: made, listed, revoked."""
