"""The pages of one connection: how it is, who calls it, how to call it, and the acts upon it."""
