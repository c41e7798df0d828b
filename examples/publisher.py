"""Publishes a few offers at a broker, that of subscriber.py for instance; see there."""

import asyncio
import sys

from brokers import BrokerError, NotAdvertised, connect

OFFERS = [("ACME", 12.0), ("ACME", 9.5), ("BOLT", 3.0), ("ACME", 9.0)]


async def main(address: str) -> None:
    """Publish, and wait until the broker has taken everything."""
    async with connect(address, name="market") as client:
        # What is advertised decides who is asked for subscriptions, and what may be published.
        await client.advertise("symbol IN ('ACME', 'BOLT') AND price > 0")
        await client.advertise("EXISTS(closed)")
        for symbol, price in OFFERS:
            await client.publish({"symbol": symbol, "price": price})
        try:
            await client.publish({"symbol": "CORE", "price": 1})
            await client.drain()
        except NotAdvertised as error:
            print(f"refused: {error}")
        await client.publish('{"closed": "17:30"}')  # JSON is sent as it stands
        await client.drain()
        print(f"{len(OFFERS) + 1} events are published")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("publisher: say where the broker is, HOST:PORT")
    try:
        asyncio.run(main(sys.argv[1]))
    except BrokerError as error:
        sys.exit(f"publisher: {error}")
