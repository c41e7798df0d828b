"""One broker, as a process: `python serve.py NAME [PEER ...]`. Prints where it listens."""

from __future__ import annotations

import sys

from brokers import Broker
from brokers.aio.run import run


async def main() -> int:
    async with Broker(sys.argv[1], peers=sys.argv[2:]) as broker:
        print(broker.address, flush=True)
        await broker.failure()
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
