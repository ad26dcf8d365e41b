"""Pages that connect: the list, the steps to a new connection, its links, OAuth apps, described providers."""
