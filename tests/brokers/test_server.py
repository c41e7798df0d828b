"""The shell around a node that does as the test says."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from pathlib import Path

import pytest

from broker_kit import Raw, in_loop, until
from brokers.addresses import Address
from brokers.aio.server import Server
from brokers.effects import Close, Effect, Save, Send
from brokers.errors import BrokerError
from brokers.greetings import BrokerHello, ClientHello, Goodbye
from brokers.messages import (
    Ask,
    ClientDown,
    ClientUp,
    Done,
    Frame,
    LinkDown,
    LinkUp,
    Message,
    Ping,
    Publish,
    Subscribe,
    Welcome,
)
from brokers.security import Credentials, Security
from brokers.store import Store
from brokers.wire import Speaker, encode


class Scripted:
    """A node that welcomes clients, writes down what it hears, and does what `script` says."""

    def __init__(self, name: str = "a") -> None:
        self.name = name
        self.preset = "default"
        self.deadline = math.inf
        self.counters: Counter[str] = Counter()
        self.heard: list[tuple[str, Message]] = []
        self.ticks: list[float] = []
        self.script: dict[type, list[Effect] | Exception] = {}

    def receive(self, message: Message, *, sender: str, now: float) -> list[Effect]:
        self.heard.append((sender, message))
        if isinstance(message, ClientUp):
            return [Send(sender, Welcome(self.name, "x", ()))]
        effects = self.script.get(type(message), [])
        if isinstance(effects, Exception):
            raise effects
        return effects

    def tick(self, now: float) -> list[Effect]:
        self.ticks.append(now)
        self.deadline = now + 0.001 if len(self.ticks) < 3 else math.inf
        return []


class Running:
    """A server around it, while the `async with` block runs."""

    def __init__(self, node: Scripted, incarnation: int = 1, store: Store | None = None) -> None:
        self.node = node
        self.server = Server(node, incarnation, Credentials(Security()), store=store)
        self.address: Address

    async def __aenter__(self) -> Running:
        self.address = await self.server.listen(Address("127.0.0.1", 0))
        self.server.call([])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.close()

    async def client(self) -> Raw:
        raw = await Raw.to(self.address)
        raw.say(ClientHello("app"))
        assert isinstance(await raw.hear(), BrokerHello)
        raw.expect(Speaker.BROKER)
        assert isinstance(await raw.hear(), Welcome)
        return raw


@in_loop
async def test_nothing_is_acknowledged_that_is_not_on_the_disk(tmp_path: Path) -> None:
    node = Scripted()
    # The acknowledgement is asked for before the saving, and another follows.
    node.script[Subscribe] = [Send("#1", Done(1)), Save("app", 1, "TRUE"), Send("#1", Done(2))]
    with Store(tmp_path / "a.db", "a") as store:
        async with Running(node, store=store) as running:
            raw = await running.client()
            order: list[str] = []
            save = store.save
            store.save = lambda changes: (order.append("saved"), save(changes))[1]  # type: ignore
            raw.say(Subscribe(1, 1, ""))
            assert await raw.hear() == Done(1)
            order.append("told")
            assert await raw.hear() == Done(2)
            assert order == ["saved", "told"]
            await raw.close()
        assert store.saved() == {"app": {1: "TRUE"}}


@in_loop
async def test_many_changes_are_one_transaction(tmp_path: Path) -> None:
    node = Scripted()
    node.script[Subscribe] = [Save("app", 1, "TRUE"), Send("#1", Done(1))]
    with Store(tmp_path / "a.db", "a") as store:
        async with Running(node, store=store) as running:
            raw = await running.client()
            sizes: list[int] = []
            save = store.save
            store.save = lambda changes: (sizes.append(len(list(changes))), save(changes))[1]  # type: ignore
            raw.say(*(Subscribe(1, 1, "") for _ in range(1_000)))
            for _ in range(1_000):
                assert await raw.hear() == Done(1)
            assert sum(sizes) == 1_000
            assert len(sizes) < 50
            await raw.close()


@in_loop
async def test_a_store_that_fails_ends_the_broker_in_silence(tmp_path: Path) -> None:
    node = Scripted()
    node.script[Subscribe] = [Save("app", 1, "TRUE"), Send("#1", Done(1))]
    with Store(tmp_path / "a.db", "a") as store:
        running = Running(node, store=store)
        async with running:
            raw = await running.client()
            store.close()
            raw.say(Subscribe(1, 1, ""))
            with pytest.raises(BrokerError, match=r"a\.db"):
                await running.server.failed
            assert await raw.hear() is None, "no acknowledgement, no goodbye"
            with pytest.raises(ConnectionRefusedError):
                await Raw.to(running.address)
        await raw.close()


@in_loop
async def test_a_node_that_fails_ends_the_broker() -> None:
    node = Scripted()
    node.script[Ask] = RuntimeError("a mistake")
    async with Running(node) as running:
        raw = await running.client()
        raw.say(Ask(1, "status", ""))
        with pytest.raises(RuntimeError, match="a mistake"):
            await running.server.failed
        assert await raw.hear() is None
    await raw.close()


@in_loop
async def test_who_is_closed_by_the_node_is_not_reported_to_it() -> None:
    node = Scripted()
    node.script[Ask] = [Close("#1", 0, "enough"), Send("#1", Done(1)), Close("#2", 0, "nobody")]
    async with Running(node) as running:
        raw = await running.client()
        raw.say(Ask(1, "status", ""), Ask(2, "status", ""))
        assert await raw.hear() == Goodbye("enough")
        assert await raw.hear() is None
        await raw.close()
        kinds = [type(message) for _, message in node.heard]
        assert kinds == [ClientUp, Ask], "nor is what it said afterwards"


@in_loop
async def test_who_leaves_is_reported_once() -> None:
    node = Scripted()
    async with Running(node) as running:
        raw = await running.client()
        raw.say(Ping(), Goodbye("bye"), Ping())
        await raw.close()
        await until(lambda: len(node.heard) == 3)
        assert node.heard[1:] == [("#1", Ping()), ("#1", ClientDown("bye"))]


@in_loop
async def test_publications_that_arrive_together_are_told_together() -> None:
    node = Scripted()
    async with Running(node) as running:
        raw = await running.client()
        one = [Publish(number, (b"%d" % number,)) for number in range(1, 4)]
        raw.say(*one, Ping(), Publish(4, (b"4", b"5")), Publish(9, (b"9",)), Publish(10, (b"10",)))
        raw.say(encode(Publish(11, ())) + b"\0\0\0\0")  # and an end that is none
        assert isinstance(await raw.hear(), Goodbye)
        assert [message for _, message in node.heard[1:]] == [
            Publish(1, (b"1", b"2", b"3")),
            Ping(),
            Publish(4, (b"4", b"5")),
            Publish(9, (b"9", b"10")),
            ClientDown("a frame of 0 bytes (b'\\x00\\x00\\x00\\x00'): 1 to 33554432"),
        ]
        await raw.close()


@in_loop
async def test_ticks_come_when_they_are_due() -> None:
    node = Scripted()
    node.deadline = 0.0
    async with Running(node) as running:
        await until(lambda: len(node.ticks) == 3)
        raw = await running.client()
        node.deadline = asyncio.get_running_loop().time()
        raw.say(Ping())  # whatever comes, the deadline is looked at
        await until(lambda: len(node.ticks) == 4)
        await raw.close()


@in_loop
async def test_a_link_and_its_end() -> None:
    one, two = Scripted("a"), Scripted("b")
    async with Running(one, 11) as first:
        async with Running(two, 22) as second:
            second.server.call([first.address])
            await until(lambda: one.heard and two.heard)
            ((name, up),) = one.heard
            assert isinstance(up, LinkUp)
            assert (name, up.incarnation) == ("b", 22)
            assert two.heard == [("a", LinkUp(up.session, 11))]
            two.script[Ask] = [
                Send("a", Frame(up.session, number, Ping())) for number in range(1, 4)
            ]
            raw = await second.client()
            raw.say(Ask(1, "status", ""))
            await until(lambda: len(one.heard) == 4)
            assert one.heard[1:] == [("b", Frame(up.session, n, Ping())) for n in (1, 2, 3)]
            await raw.close()
        await until(lambda: len(one.heard) == 5)
        assert isinstance(one.heard[-1][1], LinkDown)
        assert one.heard[-1][1].session == up.session


@in_loop
async def test_a_link_that_the_node_closes_is_dialled_again() -> None:
    one, two = Scripted("a"), Scripted("b")
    async with Running(one) as first, Running(two) as second:
        second.server.call([first.address])
        await until(lambda: one.heard and two.heard)
        (_, up) = one.heard[0]
        assert isinstance(up, LinkUp)
        one.script[Ask] = [Close("b", up.session + 1, "another"), Close("b", up.session, "gap")]
        raw = await first.client()
        raw.say(Ask(1, "status", ""))
        await until(lambda: [type(m) for _, m in two.heard] == [LinkUp, LinkDown, LinkUp])
        assert two.heard[1][1] == LinkDown(up.session, "gap")
        assert LinkDown not in [type(m) for _, m in one.heard]
        await raw.close()


@in_loop
async def test_two_that_dial_each_other_at_once_agree() -> None:
    for _ in range(20):
        one, two = Scripted("a"), Scripted("b")
        async with Running(one) as first, Running(two) as second:
            first.server.call([second.address])
            second.server.call([first.address])
            await until(lambda: links(one) == links(two) != [])  # noqa: B023
            assert len(links(one)) == 1


def links(node: Scripted) -> list[int]:
    """The sessions of links that are up."""
    found: list[int] = []
    for _, message in node.heard:
        if isinstance(message, LinkUp):
            found = [message.session]  # it replaces what was
        elif isinstance(message, LinkDown):
            found.remove(message.session)
    return found
