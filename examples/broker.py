"""A message broker in one file: clients subscribe with filters and publish JSON events.

    python examples/broker.py                 # a broker and three clients, in one process
    python examples/broker.py --port 7400     # a broker alone, until Ctrl-C

Talk to the latter with ``nc 127.0.0.1 7400`` or ``telnet 127.0.0.1 7400``; or, where there is only
Python, paste this into one (what a client sends and is answered are lines):

    import socket
    lines = socket.create_connection(("127.0.0.1", 7400)).makefile("rw", buffering=1)
    print("SUB cheap price < 10", file=lines); print(lines.readline())
    print('PUB {"price": 9}', file=lines); print(lines.readline(), lines.readline())

A message is a line. From a client to the broker, and what it is answered:

    SUB ID FILTER     subscribe, or replace the filter ID at once    OK
    DROP ID           unsubscribe                                    OK
    PUB {...}         publish an event                               OK, and how many clients get it
    what is none of these, or wrong, or too long a line              ERR, and a JSON string

A filter that every event would be tested against, such as ``NOT EXISTS(a)``, is answered with ERR,
too: it costs all the others time. TRUE is none of these: who wants all events may have them.

``EVENT {...}`` comes to a client once for each event that it wants, however many of its filters
match. What knows who wants what is `Broker`, a few lines; the rest is asyncio.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import warnings
from collections.abc import AsyncIterator
from itertools import count

from matchengine import ExpensiveFilterWarning, Limits, MatchEngineError, Matcher

#: Strangers write the filters and the events, and the loop serves nobody while it matches. What
#: one event may cost is bounded by what it holds (event_*), by what a filter may do with it
#: (predicates; combinations: steps of `a < b`, `a * 2 > 5` and their like on arrays), and by how
#: many filters there are (MOST_FILTERS a client).
LIMITS = Limits(
    filter_bytes=4_096,
    filter_depth=50,
    predicates=50,
    in_values=1_000,
    event_bytes=65_536,
    event_values=1_000,
    event_depth=50,
    combinations=10_000,
)
#: A line may hold a little more than an event.
LINE_BYTES = LIMITS.event_bytes + 64
#: Filters of one client.
MOST_FILTERS = 1_000
#: A client that does not read is cut off when so much waits for it.
MOST_WAITING = 4 << 20


class Broker:
    """Who wants what: subscriptions by (client, id), with the client as destination."""

    def __init__(self) -> None:
        self._matcher: Matcher[tuple[int, str]] = Matcher(limits=LIMITS)

    def subscribe(self, client: int, id: str, filter: str) -> None:
        """Add a filter of a client, or replace it by another at once.

        Raises `MatchEngineError`, and `ExpensiveFilterWarning` for a filter that every event would
        be tested against.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("error", ExpensiveFilterWarning)  # refused, not printed
            if (client, id) in self._matcher:
                self._matcher.replace((client, id), filter)
            else:
                self._matcher.add(filter, id=(client, id), to=client)

    def unsubscribe(self, client: int, id: str) -> None:
        """Take a filter back."""
        self._matcher.discard((client, id))

    def receivers(self, event: bytes) -> list[int]:
        """The clients that want the event, each once. Raises `EventError`."""
        return self._matcher.destinations(event)


class Server:
    """The broker on a TCP port."""

    def __init__(self) -> None:
        self._broker = Broker()
        self._numbers = count()
        self._clients: dict[int, asyncio.StreamWriter] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk to one client until it goes."""
        client = next(self._numbers)
        self._clients[client] = writer
        ids: set[str] = set()
        try:
            while (line := await read_line(reader)) != b"":
                if line is None:
                    answer = b'ERR "a line has at most %d bytes"' % LINE_BYTES
                else:
                    answer = self._answer(client, ids, line.rstrip(b"\r\n"))
                self._send(client, answer)
                await writer.drain()  # for its own answers: it waits for nobody else
        except ConnectionError:  # gone
            pass
        finally:
            del self._clients[client]
            for id in ids:
                self._broker.unsubscribe(client, id)
            writer.close()

    def _answer(self, client: int, ids: set[str], line: bytes) -> bytes:
        verb, _, rest = line.partition(b" ")
        try:
            if verb == b"PUB":
                receivers = self._broker.receivers(rest)
                for receiver in receivers:
                    self._send(receiver, b"EVENT " + rest)
                return b"OK %d" % len(receivers)
            id, _, filter = rest.decode().partition(" ")
            if verb in (b"SUB", b"DROP") and not id:
                return b'ERR "expected an id"'
            if verb == b"SUB":
                if not filter:
                    return b'ERR "expected a filter (TRUE is every event)"'
                if len(ids) >= MOST_FILTERS and id not in ids:
                    return b'ERR "too many filters"'
                self._broker.subscribe(client, id, filter)
                ids.add(id)
            elif verb == b"DROP":
                self._broker.unsubscribe(client, id)
                ids.discard(id)
            else:
                return b'ERR "expected SUB, DROP or PUB"'
            return b"OK"
        except UnicodeDecodeError:
            return b'ERR "not UTF-8"'
        except (MatchEngineError, ExpensiveFilterWarning) as error:
            return b"ERR " + json.dumps(str(error)).encode()

    def _send(self, client: int, message: bytes) -> None:
        writer = self._clients[client]
        if writer.transport.get_write_buffer_size() > MOST_WAITING:
            writer.transport.abort()
        elif not writer.is_closing():
            writer.write(message + b"\n")


async def read_line(reader: asyncio.StreamReader) -> bytes | None:
    """The next line, b"" at the end, or None for one beyond LINE_BYTES, which is skipped."""
    whole = True
    while True:
        try:
            line = await reader.readuntil()
        except asyncio.LimitOverrunError as error:
            await reader.readexactly(error.consumed)
            whole = False
        except asyncio.IncompleteReadError as error:
            return error.partial if whole else None
        else:
            return line if whole else None


class Client:
    """The other side of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._answers: asyncio.Queue[bytes] = asyncio.Queue()
        #: What has arrived.
        self.events: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())

    async def subscribe(self, id: str, filter: str) -> None:
        """Subscribe, or replace a filter. Raises ValueError for one that is none."""
        await self._ask(f"SUB {id} {filter}")

    async def drop(self, id: str) -> None:
        """Unsubscribe."""
        await self._ask(f"DROP {id}")

    async def publish(self, event: dict[str, object]) -> int:
        """Publish an event; how many clients get it? Raises ValueError."""
        return int(await self._ask(f"PUB {json.dumps(event)}"))

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
        await self._reading

    async def _ask(self, line: str) -> bytes:
        self._writer.write(line.encode() + b"\n")
        await self._writer.drain()
        verb, _, rest = (await self._answers.get()).partition(b" ")
        if verb != b"OK":
            raise ValueError(json.loads(rest) if rest else "the broker is gone")
        return rest

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await self._reader.readline():
                verb, _, rest = line.rstrip().partition(b" ")
                if verb == b"EVENT":
                    self.events.put_nowait(json.loads(rest))
                else:
                    self._answers.put_nowait(line.rstrip())
        self._answers.put_nowait(b"GONE")  # whoever waits for an answer


@contextlib.asynccontextmanager
async def running_broker(port: int = 0) -> AsyncIterator[int]:
    """A broker on 127.0.0.1 while the block runs; gives its port."""
    server = await asyncio.start_server(Server().serve, "127.0.0.1", port, limit=LINE_BYTES)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def connect(port: int) -> Client:
    """A new client."""
    return Client(*await asyncio.open_connection("127.0.0.1", port, limit=LINE_BYTES))


async def show() -> None:
    """A broker, two clients that subscribe, and one that publishes."""
    async with running_broker() as port:
        alice, bob, market = [await connect(port) for _ in range(3)]
        await alice.subscribe("cheap", "symbol = 'ACME' AND price < 10")
        await alice.subscribe("large", "volume > 1000")
        await bob.subscribe("any", "symbol LIKE 'A%'")
        try:
            await bob.subscribe("wrong", "price <")
        except ValueError as error:
            print(f"bob is told: {error}")
        events = [{"symbol": "ACME", "price": 9, "volume": 5000}, {"symbol": "AXE"}, {"x": 1}]
        for event in events:
            number = await market.publish(event)
            print(f"{event}: {number} client{'s' if number != 1 else ''}")
        print("alice has", await alice.events.get())
        print("bob has", await bob.events.get(), await bob.events.get())
        for client in (alice, bob, market):
            await client.close()


async def serve(port: int) -> None:
    """A broker until it is interrupted."""
    async with running_broker(port) as chosen:
        print(f"listening on 127.0.0.1:{chosen}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A broker, with three clients or alone.")
    parser.add_argument("--port", type=int, help="serve here, until interrupted; 0: choose one")
    asked = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(show() if asked.port is None else serve(asked.port))
