"""The shell that knows sockets and clocks: brokers as processes, and their clients."""
