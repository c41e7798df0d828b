"""What strangers, and those who do not read, may cost a broker. The tests wait until it has cut."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

import pytest

from broker_kit import Raw, in_loop, take, until
from brokers import Bounds, Broker, connect
from brokers.greetings import Accept, BrokerHello, ClientHello, Goodbye
from brokers.messages import Consumed, Frame, Ping, Publish, Subscribe, Summary, Welcome
from brokers.wire import Speaker, encode

SOON = Bounds(handshake_within=0.1)
HELLO = encode(ClientHello("slow"))


@in_loop
async def test_nobody_waits_for_a_hello_for_ever() -> None:
    async with Broker("a", bounds=SOON) as broker:
        raw = await Raw.to(broker.address)
        assert await raw.hear() is None
        await raw.close()
        assert broker.counters["cut: handshake takes too long"] == 1


@in_loop
async def test_a_hello_byte_by_byte_has_no_more_time() -> None:
    async with Broker("a", bounds=SOON) as broker:
        raw = await Raw.to(broker.address)
        closed = asyncio.create_task(raw.hear())
        while not closed.done():  # for ever, if nobody ends it
            raw.say(HELLO[:1])
            await asyncio.sleep(0.01)
        assert closed.result() is None or isinstance(closed.result(), Goodbye)
        await raw.close()
        await until(lambda: not broker._server._strangers)  # type: ignore[union-attr]


@in_loop
async def test_a_handshake_with_a_broker_that_stops_halfway() -> None:
    async with Broker("b", bounds=SOON) as broker:
        raw = await Raw.to(broker.address)
        raw.say(BrokerHello("a", 1, 77))  # it decides, and never does
        assert isinstance(await raw.hear(), BrokerHello)
        assert await raw.hear() == Accept()
        assert await raw.hear() is None
        await raw.close()
        assert not broker.status()["links"]


@in_loop
async def test_many_strangers_do_not_keep_others_out() -> None:
    async with Broker("a", bounds=Bounds(strangers=4)) as broker:
        raws = [await Raw.to(broker.address) for _ in range(20)]
        async with connect(str(broker.address)) as client:
            await client.publish({"n": 1})
            await client.drain()
        for raw in raws[:15]:
            assert await raw.hear() is None
        assert broker.counters["cut: too many in the handshake"] >= 16
        for raw in raws:
            await raw.close()


@in_loop
async def test_too_many_clients_are_told() -> None:
    async with Broker("a", bounds=Bounds(clients=1)) as broker, connect(str(broker.address)):
        raw = await Raw.to(broker.address)
        raw.say(ClientHello(None))
        assert await raw.hear() == Goodbye("there are too many clients")
        assert await raw.hear() is None
        await raw.close()


@pytest.mark.parametrize(
    "first",
    [
        b"\xff\xff\xff\xff",  # 4 GiB are announced
        struct.pack(">I", 65_537),
        b"\0\0\0\0",
        b"GET / HTTP/1.1\r\n\r\n",
        encode(Frame(1, 1, Summary(()))),
        encode(Subscribe(1, 1, "")),
        encode(Ping()),
        encode(Accept()),
        encode(BrokerHello("b", 1, 0)),
        encode(ClientHello(None, limit=0)),
        encode(ClientHello(None)).replace(b"MEBR\0\1", b"MEBR\0\2"),
    ],
    ids=str,
)
@in_loop
async def test_what_a_stranger_may_not_say(first: bytes) -> None:
    async with Broker("a") as broker, connect(str(broker.address)) as other:
        raw = await Raw.to(broker.address)
        raw.say(first)
        assert isinstance(await raw.hear(), Goodbye)
        assert await raw.hear() is None
        await raw.close()
        await other.publish({})
        await other.drain()
        assert len(broker.status()["clients"]) == 1


@pytest.mark.parametrize("cut", range(1, len(HELLO)))
@in_loop
async def test_hellos_that_end_early(cut: int) -> None:
    async with Broker("a") as broker:
        raw = await Raw.to(broker.address)
        raw.say(HELLO[:cut])
        raw.writer.write_eof()
        assert await raw.hear() is None
        await raw.close()


@in_loop
async def test_clients_may_not_speak_as_brokers() -> None:
    async with Broker("a") as broker:
        raw = await client_of(broker)
        raw.say(encode(Frame(1, 1, Summary(()))))
        assert isinstance(await raw.hear(), Goodbye)
        await raw.close()


@in_loop
async def test_what_strangers_say_makes_no_counters() -> None:
    async with Broker("a") as broker:
        for number in range(1, 6):
            raw = await client_of(broker)
            raw.say(Consumed(number))
            assert isinstance(await raw.hear(), Goodbye)
            await raw.close()
        assert broker.counters == {"disconnected: broke the protocol": 5}


@in_loop
async def test_a_frame_that_is_too_large_ends_a_client() -> None:
    async with Broker("a") as broker:
        raw = await client_of(broker)
        raw.say(struct.pack(">I", (32 << 20) + 1))
        assert isinstance(await raw.hear(), Goodbye)
        await raw.close()


@in_loop
async def test_a_client_that_does_not_read_is_cut() -> None:
    bounds = Bounds(unread=1 << 20)
    async with Broker("a", bounds=bounds) as broker, connect(str(broker.address)) as says:
        # Small buffers in the kernel, so that what is not read stays with the broker.
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        sock.connect((broker.address.host, broker.address.port))
        raw = Raw(*await asyncio.open_connection(sock=sock, limit=1))
        raw.say(ClientHello("slow", limit=1_000_000))
        raw.say(Subscribe(1, 1, ""))
        await until(lambda: broker.status()["subscriptions"] == 1)
        large = b'{"pad": "' + b"x" * 100_000 + b'"}'
        while not broker.counters["cut: does not read"]:
            await says.publish(large)
            await says.drain()
        await until(lambda: set(broker.status()["clients"]) == {says.name})
        await raw.close()


@in_loop
async def test_a_reader_in_no_hurry_is_not_cut() -> None:
    async with (
        Broker("a", bounds=Bounds(unread=1 << 20)) as broker,
        connect(str(broker.address), limit=64) as wants,
        connect(str(broker.address)) as says,
    ):
        subscription = await wants.subscribe("")
        reading = asyncio.create_task(take(subscription, 2_000))
        for number in range(2_000):
            await says.publish({"n": number, "pad": "x" * 4_000})
        await says.drain()
        assert [event["n"] for event in await reading] == list(range(2_000))


@in_loop
async def test_connections_that_are_reset_leave_nothing_behind() -> None:
    async with Broker("a") as broker:
        for words in ([], [HELLO], [HELLO, Subscribe(1, 1, ""), Publish(1, (b"{}",) * 100)]):
            raw = await Raw.to(broker.address)
            raw.say(*words)
            await raw.writer.drain()
            sock: Any = raw.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raw.writer.transport.abort()
            await raw.close()
        async with connect(str(broker.address)) as client:
            await until(lambda: list(broker.status()["clients"]) == [client.name])
            await until(lambda: broker.status()["subscriptions"] == 0)


@in_loop
async def test_a_broker_that_names_itself_like_us() -> None:
    async with Broker("a") as broker:
        raw = await Raw.to(broker.address)
        raw.say(BrokerHello("a", 1, 77))
        said = await raw.hear()
        assert isinstance(said, Goodbye)
        assert "another broker of its name" in said.reason
        await raw.close()


@in_loop
async def test_a_broker_that_dials_itself_goes_on() -> None:
    async with Broker("a") as broker:
        broker._server.call([broker.address])  # type: ignore[union-attr]
        async with connect(str(broker.address)) as client:
            await client.publish({})
            await client.drain()
            assert broker.status()["counters"]["published"] == 1
            assert broker.status()["links"] == {}


async def client_of(broker: Broker) -> Raw:
    """A client that is through the handshake."""
    raw = await Raw.to(broker.address)
    raw.say(ClientHello(None))
    assert isinstance(await raw.hear(), BrokerHello)
    raw.expect(Speaker.BROKER)
    assert isinstance(await raw.hear(), Welcome)
    return raw
