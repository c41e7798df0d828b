"""Where events go: duplicates, the ways they take, and how many may be under way."""
