"""JSON Web Tokens of others: cut into parts, judged in plain words, checked against a key (RFC 7519, 8725)."""
