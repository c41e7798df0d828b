"""Brokers that filter by content inside the network; they arrive in a later release."""
