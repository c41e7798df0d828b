"""Who learns of which subscription: entries, the tables of links, and what guides them."""
