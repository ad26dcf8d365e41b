"""The last tab of a client: its off-boarding, step by step, and the certificate."""
