"""A program with a broker inside that waits for offers. Give its address to publisher.py:

python examples/subscriber.py 127.0.0.1:7001 &
python examples/publisher.py 127.0.0.1:7001
"""

import asyncio
import sys

from brokers import Broker, BrokerError, connect

WANTED = "symbol = 'ACME' AND price < {} OR EXISTS(closed)"


async def main(listen: str) -> None:
    """Take the first offer below 10, and from then on only better ones, until trading ends."""
    async with Broker("office", listen=listen) as broker, connect(str(broker.address)) as client:
        offers = await client.subscribe(WANTED.format(10))
        print(f"listening on {broker.address}", flush=True)
        async for event in offers:
            offer = event.json()
            if "closed" in offer:
                print(f"{event.publisher} has closed at {offer['closed']}")
                break
            print(f"{event.publisher} offers ACME at {offer['price']}", flush=True)
            await offers.replace(WANTED.format(offer["price"]))
        print("lost on the way:", client.lost.total())  # see `policy` of `connect`


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:] or ["127.0.0.1:0"]))
    except (BrokerError, OSError) as error:
        sys.exit(f"subscriber: {error}")
