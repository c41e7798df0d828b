"""Nobody keeps the broker from listening to the others."""

import asyncio
import time
from collections import Counter
from typing import Any

from broker_net import LINE, Net
from brokers.aio.connection import Bounds, Connection
from brokers.messages import Publish
from brokers.wire import Speaker, encode


class Owner:
    """Takes a millisecond for each word."""

    def __init__(self) -> None:
        self.bounds = Bounds()
        self.counters: Counter[str] = Counter()
        self.connections: set[Connection] = set()
        self.words: list[Any] = []

    def heard(self, connection: Connection, word: Any) -> None:
        self.words.append(word)
        time.sleep(0.001)

    def heard_all(self, connection: Connection) -> None:
        pass


class Transport:
    def __init__(self) -> None:
        self.reading = True

    def pause_reading(self) -> None:
        assert self.reading
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading
        self.reading = True

    def is_closing(self) -> bool:
        return False


def test_who_says_much_is_heard_in_turns_and_in_order() -> None:
    async def main() -> tuple[int, list[Any]]:
        owner, transport = Owner(), Transport()
        connection = Connection(owner, lambda connection: None)  # type: ignore[arg-type, return-value]
        connection.transport = transport  # type: ignore[assignment]
        connection.is_up = True
        connection._decoder.expect(Speaker.CLIENT)
        words = [Publish(n, (b"{}",)) for n in range(1, 301)]
        data = b"".join(map(encode, words))
        connection.data_received(data[:-100])
        connection.data_received(data[-100:])  # what TLS still had
        turns = 0
        while not transport.reading:
            turns += 1
            await asyncio.sleep(0)
        assert owner.words == words
        return turns, owner.words

    turns, _ = asyncio.run(main())
    assert turns > 2


def test_a_broker_that_did_not_run_takes_nobody_for_dead() -> None:
    net = Net(LINE)
    net.wait(1)
    net.now += 60  # stopped, and its neighbours with it
    net.wait(2)
    assert not net.closed
    del net.nodes["D"]
    net.wait(5)
    assert [close.to for close in net.closed] == ["D"]
