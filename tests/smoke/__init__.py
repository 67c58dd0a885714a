"""A deployed stack, asked for everything once."""
