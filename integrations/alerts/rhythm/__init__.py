"""What is usual: how often a connection is called at which hour of the week, and how much a token calls."""
