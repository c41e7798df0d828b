"""A whole overlay in one process, in virtual time; see `brokers.sim`, the front door."""
