"""Brokers within this process and the clients that users hold, over real sockets."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from broker_kit import Raw, in_loop, take, until
from brokers import (
    Broker,
    BrokerError,
    BrokerUnreachable,
    Client,
    ConfigurationError,
    ConnectionLost,
    NotAdvertised,
    RequestRefused,
    Settings,
    connect,
)
from brokers.addresses import Address
from matchengine import EventError, FilterSyntaxError, attr


@in_loop
async def test_events_reach_who_wants_them_and_nobody_else() -> None:
    async with Broker("a") as broker, client(broker) as wants, client(broker) as says:
        cheap = await wants.subscribe("price < 10")
        dear = await wants.subscribe(attr("price") > 100)
        for price in (5, 50, 500, 6):
            await says.publish({"price": price})
        await says.drain()
        assert await take(cheap, 2) == [{"price": 5}, {"price": 6}]
        event = await anext(dear)
        assert event.json() == {"price": 500}
        assert event.body == b'{"price":500}'
        assert (event.publisher, event.sequence) == (says.name, 3)
        assert wants.broker == "a"


@in_loop
async def test_a_ring_of_brokers() -> None:
    async with (
        Broker("a") as a,
        Broker("b", peers=[str(a.address)]) as b,
        Broker("c", peers=[str(a.address), str(b.address)]) as c,
        client(c) as wants,
        client(a) as says,
    ):
        subscription = await wants.subscribe("n >= 0")
        reading = asyncio.create_task(take(subscription, 5_000))
        for number in range(5_000):
            await says.publish({"n": number})
        await says.drain()
        assert await reading == [{"n": number} for number in range(5_000)]


@in_loop
async def test_two_that_dial_each_other_have_one_link() -> None:
    a, b = Broker("a"), Broker("b")
    async with a, b:
        # Not before both listen is it known where.
        a._server.call([b.address])  # type: ignore[union-attr]
        b._server.call([a.address])  # type: ignore[union-attr]
        await until(lambda: a.status()["links"] and b.status()["links"])
        async with client(a) as wants, client(b) as says:
            subscription = await wants.subscribe("")
            await says.publish({"n": 1})
            assert await take(subscription, 1) == [{"n": 1}]


@in_loop
async def test_filters_are_replaced_and_subscriptions_end() -> None:
    async with Broker("a") as broker, client(broker) as both:
        subscription = await both.subscribe("n < 10")
        await subscription.replace("n >= 10")
        assert subscription.filter == "n >= 10"
        await both.publish({"n": 1})
        await both.publish({"n": 11})
        assert await take(subscription, 1) == [{"n": 11}]
        await both.publish({"n": 12})
        await both.drain()
        reading = asyncio.create_task(take(subscription, 2))
        await asyncio.sleep(0)
        await subscription.unsubscribe()
        with pytest.raises(StopAsyncIteration):
            await anext(subscription)
        with pytest.raises((StopAsyncIteration, RuntimeError)):
            await reading
        await subscription.unsubscribe()  # again
        await until(lambda: broker.status()["subscriptions"] == 0)


@in_loop
async def test_what_is_wrong_with_a_filter_is_said_before_anything_is_sent() -> None:
    async with Broker("a") as broker, client(broker) as one:
        with pytest.raises(FilterSyntaxError):
            await one.subscribe("price <")
        subscription = await one.subscribe("price < 1")
        with pytest.raises(FilterSyntaxError):
            await subscription.replace("price <")
        assert subscription.filter == "price < 1"
        assert one.subscriptions == [subscription]


@in_loop
async def test_refused_publications() -> None:
    async with Broker("a") as broker, client(broker) as one:
        assert await one.publish("[1]") == 1
        await one.publish({"n": 1})
        await one.publish(b"{")
        with pytest.raises(EventError) as found:
            await one.drain()
        assert "publication 1 was refused, and 1 more" in found.value.__notes__
        await one.drain()  # told once
        with pytest.raises(EventError):
            await one.publish({"n": float("nan")})
        advert = await one.advertise("n > 5")
        await one.publish({"n": 6})
        await one.publish({"n": 5})
        with pytest.raises(NotAdvertised):
            await one.drain()
        await advert.withdraw()
        await one.publish({"n": 5})
        await one.drain()


@in_loop
async def test_adverts_that_are_too_much_for_a_frame_become_one() -> None:
    async with Broker("a") as a, Broker("b", peers=[str(a.address)]) as b, client(b) as one:
        await until(lambda: a.status()["links"])
        for number in range(3):
            await one.advertise(f"s = '{number}{'x' * 500_000}'")
        assert b.status()["adverts"]["b"] == ["TRUE"]
        await one.publish({"s": "0"})
        with pytest.raises(NotAdvertised):  # to its client, the broker remembers each
            await one.drain()
        assert list(a.status()["links"]) == ["b"]


@in_loop
async def test_a_named_client_finds_what_it_left_behind(tmp_path: Path) -> None:
    store = str(tmp_path / "a.db")
    async with Broker("a", store=store) as broker:
        async with client(broker, name="app") as one:
            kept = await one.subscribe("n > 5")
            ended = await one.subscribe("n > 7")
            await ended.unsubscribe()
            number = kept.number
        at = str(broker.address)
    async with Broker("a", store=store, listen=at) as broker:
        async with client(broker, name="app") as one:
            (found,) = one.subscriptions
            assert (found.number, found.filter) == (number, "n > 5")
            assert await one.subscribe("n > 5") is found
            await one.publish({"n": 6})
            assert await take(found, 1) == [{"n": 6}]
            other = await one.subscribe("n > 5")
            assert other is not found
            await other.unsubscribe()
            await found.unsubscribe()
        async with client(broker, name="app") as one:
            assert one.subscriptions == []


@in_loop
async def test_clients_come_back_when_the_broker_does() -> None:
    broker = Broker("a")
    async with broker:
        at = str(broker.address)
        wants = connect(at)
        says = connect(at, name="says")
        await wants.__aenter__()
        await says.__aenter__()
        subscription = await wants.subscribe("n > 0")
        advert = await says.advertise("n < 100")
        await says.publish({"n": 1})
        await says.drain()
        assert await take(subscription, 1) == [{"n": 1}]
        reading = asyncio.create_task(take(subscription, 1))
    async with Broker("a", listen=at) as again:
        await until(lambda: again.status()["subscriptions"] == 1)
        await says.publish({"n": 2})
        await says.drain()
        assert await reading == [{"n": 2}]
        await says.publish({"n": 200})
        with pytest.raises(NotAdvertised):
            await says.drain()
        await advert.withdraw()
        await wants.__aexit__(None, None, None)
        await says.__aexit__(None, None, None)


@in_loop
async def test_publications_without_an_answer_are_reported_not_repeated() -> None:
    # It waits for a peer that is not there, so it takes nothing.
    settings = Settings(patience=1_000.0)
    async with Broker("a", peers=["127.0.0.1:9"], settings=settings) as broker:
        at = str(broker.address)
        one = connect(at)
        await one.__aenter__()
        await one.publish({"n": 1})
        await one.publish({"n": 2})
        await until(lambda: broker.status()["clients"][one.name]["waiting"] == 2)
    async with Broker("a", listen=at) as broker, client(broker) as other:
        subscription = await other.subscribe("")
        with pytest.raises(ConnectionLost, match="2 publications"):
            await one.drain()
        await one.drain()
        await one.publish({"n": 3})
        assert await take(subscription, 1) == [{"n": 3}]
        await one.__aexit__(None, None, None)


@in_loop
async def test_requests_that_were_under_way_are_said_again() -> None:
    settings = Settings(patience=1_000.0)
    async with Broker("a", peers=["127.0.0.1:9"], settings=settings) as broker:
        at = str(broker.address)
        one = connect(at)
        await one.__aenter__()
        asking = asyncio.create_task(one.subscribe("n > 1"))
        await until(lambda: broker.status()["subscriptions"] == 1)
        assert not asking.done()
    async with Broker("a", listen=at):
        subscription = await asking
        await one.publish({"n": 2})
        assert await take(subscription, 1) == [{"n": 2}]
        await one.__aexit__(None, None, None)


@in_loop
async def test_a_cancelled_subscribe_leaves_nothing_behind() -> None:
    settings = Settings(patience=1_000.0)
    async with (
        Broker("a", peers=["127.0.0.1:9"], settings=settings) as broker,
        client(broker) as one,
    ):
        asking = asyncio.create_task(one.subscribe("n > 1"))
        await until(lambda: broker.status()["subscriptions"] == 1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await until(lambda: broker.status()["subscriptions"] == 0)
        assert one.subscriptions == []


@in_loop
async def test_a_cancelled_reader_loses_no_event() -> None:
    async with Broker("a") as broker, client(broker) as one:
        subscription = await one.subscribe("")
        for number in range(5):
            reading = asyncio.create_task(take(subscription, 1))
            await asyncio.sleep(0)
            await one.publish({"n": number})
            await one.drain()  # the event is here, and the reader about to be woken
            reading.cancel()
            taken = await asyncio.gather(reading, return_exceptions=True)
            if isinstance(taken[0], asyncio.CancelledError):
                taken = [await take(subscription, 1)]
            assert taken == [[{"n": number}]]


@in_loop
async def test_a_reader_that_is_slow_makes_publishers_wait() -> None:
    settings = Settings(window=8, client_window=1_024)
    async with (
        Broker("a", settings=settings) as broker,
        client(broker, limit=4) as wants,
        client(broker) as says,
    ):
        subscription = await wants.subscribe("")
        for number in range(200):
            await says.publish({"n": number})
        draining = asyncio.create_task(says.drain())
        await until(lambda: broker.status()["clients"][wants.name]["queued"] >= 4)
        assert not draining.done()
        assert await take(subscription, 200) == [{"n": number} for number in range(200)]
        await draining
        assert not wants.lost


@in_loop
async def test_a_window_of_large_events_is_more_than_a_frame_holds() -> None:
    async with (
        Broker("a", peers=["127.0.0.1:9"], settings=Settings(patience=1_000.0)) as a,
        client(a) as wants,
        client(a) as says,
    ):
        # Nothing is taken until the peer is there, and then everything at once.
        asking = asyncio.create_task(wants.subscribe(""))
        pad = "x" * 100_000
        for number in range(400):
            await says.publish({"n": number, "pad": pad})
        await until(lambda: a.status()["clients"][says.name]["waiting"] == 400)
        async with Broker("b", peers=[str(a.address)]) as b, client(b) as far:
            there = await far.subscribe("")
            here = await asking
            near, remote = await asyncio.gather(take(here, 400), take(there, 400))
            assert [event["n"] for event in near] == list(range(400))
            assert [event["n"] for event in remote] == list(range(400))


@in_loop
async def test_what_is_dropped_is_counted() -> None:
    async with (
        Broker("a") as broker,
        client(broker, limit=2, policy="drop-oldest") as wants,
        client(broker) as says,
    ):
        subscription = await wants.subscribe("")
        for number in range(10):
            await says.publish({"n": number})
        await says.drain()
        await until(lambda: sum(wants.lost.values()) == 6)
        assert await take(subscription, 4) == [{"n": n} for n in (0, 1, 8, 9)]


@in_loop
async def test_a_name_taken_elsewhere_ends_the_first_client() -> None:
    async with Broker("a") as broker, client(broker, name="app") as one:
        subscription = await one.subscribe("")
        reading = asyncio.create_task(take(subscription, 1))
        async with client(broker, name="app") as other:
            with pytest.raises(ConnectionLost, match="elsewhere"):
                await reading
            with pytest.raises(ConnectionLost):
                await one.publish({})
            assert [left.filter for left in other.subscriptions] == ["TRUE"]


@in_loop
async def test_a_closed_client_says_so() -> None:
    async with Broker("a") as broker:
        async with client(broker) as one:
            subscription = await one.subscribe("")
        with pytest.raises(ConnectionLost):
            await one.subscribe("")
        with pytest.raises(StopAsyncIteration):
            await anext(subscription)
        with pytest.raises(BrokerError, match="once"):
            await one.__aenter__()
        await until(lambda: not broker.status()["clients"])


@in_loop
async def test_nobody_there() -> None:
    with pytest.raises(BrokerUnreachable, match=r"127\.0\.0\.1:9"):
        async with connect("127.0.0.1:9", retry=0.2):
            raise AssertionError


@in_loop
async def test_something_else_there() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.org ready\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    at = Address(*server.sockets[0].getsockname())
    with pytest.raises(BrokerUnreachable, match="a frame of"):
        async with connect(str(at), retry=0.2):
            raise AssertionError
    server.close()
    await server.wait_closed()


@in_loop
async def test_questions() -> None:
    async with Broker("a") as broker, client(broker) as one:
        assert '"broker": "a"' in await one.ask("status")
        with pytest.raises((ValueError, RequestRefused), match="status"):
            await one.ask("nonsense")
        with pytest.raises(ValueError, match="name"):
            await one.ask("x" * 256)


@in_loop
async def test_a_client_that_sends_nonsense_is_the_only_one_to_go() -> None:
    async with Broker("a") as broker, client(broker) as one:
        raw = await Raw.to(broker.address)
        raw.say(b"\0\0\0\5hello")
        assert "hello" not in str(await raw.hear())
        assert await raw.hear() is None
        await raw.close()
        await one.publish({"n": 1})
        await one.drain()


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": "nowhere"},
        {"address": "127.0.0.1:99999"},
        {"address": "::1:7001"},
        {"address": "no..name:7001"},
        {"policy": "whatever"},
        {"limit": 0},
        {"limit": 1 << 32},
        {"name": "#1"},
        {"name": "x" * 256},
        {"token": "x" * 5_000},
        {"address": "192.0.2.1:7001", "token": "secret"},
    ],
)
def test_arguments_of_connect(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        connect(**{"address": "127.0.0.1:7001", **wrong})


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "#1"},
        {"name": ""},
        {"name": "a\nb"},
        {"preset": "whatever"},
        {"listen": "0.0.0.0:7001"},
        {"listen": "example.org:7001"},
        {"peers": ["192.0.2.1:7001"]},
        {"peer_listen": "127.0.0.1:7002"},
    ],
)
def test_arguments_of_a_broker(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Broker(**{"name": "a", **wrong})


def client(broker: Broker, **more: Any) -> Client:
    return connect(str(broker.address), **more)
