"""Slow subscribers, broken links, and what strangers get wrong."""

import gc
import json
import weakref

import pytest

from broker_net import LINE, RING, Net
from brokers.effects import Close
from brokers.events.flow import Flow
from brokers.messages import (
    Advertise,
    Ask,
    Change,
    ClientUp,
    Consumed,
    Credit,
    Done,
    Event,
    Events,
    Failed,
    Frame,
    Key,
    LinkDown,
    LinkUp,
    Lost,
    Policy,
    Probe,
    Publish,
    Record,
    Settled,
    Subscribe,
    Taken,
)
from brokers.node import Node
from brokers.settings import Settings


def body(**attributes: object) -> bytes:
    return json.dumps(attributes).encode()


CHEAP, DEAR = body(price=5, key="a"), body(price=50, key="b")


# ---- slow subscribers ---------------------------------------------------------------------------

FLOW = Settings(window=8, client_window=1_000)


@pytest.mark.parametrize("links", [LINE, RING], ids=["line", "ring"])
def test_a_slow_subscriber_holds_its_publishers_and_loses_nothing(links: list[str]) -> None:
    net = Net(links, settings=FLOW)
    slow, publisher = net.client("A", limit=4), net.client("C")
    net.subscribe(slow, "price < 1000")
    net.run()
    events = [body(price=i) for i in range(200)]
    net.publish(publisher, *events)
    net.run()
    taken = net.heard(publisher, Taken)[-1].number
    assert taken <= 4 + 4 + 2 * FLOW.window
    for _ in range(200):
        net.consume(slow)
        net.run()
        net.wait(0.25)
        if net.heard(publisher, Taken)[-1].number == 200:
            break
    for _ in range(20):
        net.consume(slow)
        net.run()
    assert net.got(slow) == events


def test_a_short_queue_that_blocks_takes_what_is_under_way() -> None:
    net = Net(LINE)
    slow, publisher = net.client("A", limit=1), net.client("D")
    net.subscribe(slow, "price < 1000")
    net.run()
    events = [body(price=i) for i in range(900)]  # less than a window
    net.publish(publisher, *events)
    net.run()
    for _ in events:
        net.consume(slow)
    assert net.got(slow) == events
    assert not net.heard(slow, Lost)


def test_publishers_take_turns_when_windows_are_narrow() -> None:
    net = Net(LINE, settings=Settings(window=1))
    subscriber = net.client("A")
    net.subscribe(subscriber, "TRUE")
    greedy, modest = net.client("D"), net.client("D")
    net.publish(greedy, *[body(price=1)] * 20)
    net.publish(modest, body(price=2))
    net.run()
    assert body(price=2) in net.got(subscriber)[:3]
    assert len(net.got(subscriber)) == 21


@pytest.mark.parametrize(
    ("policy", "kept"),
    [(Policy.DROP_NEWEST, range(8)), (Policy.DROP_OLDEST, [0, 1, 2, 3, 16, 17, 18, 19])],
)
def test_a_full_queue_drops_and_counts(policy: str, kept: list[int]) -> None:
    net = Net(LINE)
    slow, publisher = net.client("A", policy=policy, limit=4), net.client("D")
    net.subscribe(slow, "price < 1000")
    net.run()
    events = [body(price=i) for i in range(20)]
    net.publish(publisher, *events)
    net.run()
    net.consume(slow)
    net.consume(slow)
    assert net.got(slow) == [events[i] for i in kept]
    assert sum(lost.total for lost in net.heard(slow, Lost)[-1:]) == 12
    dropped = [n for name, n in net.nodes["A"].counters.items() if name.startswith("dropped")]
    assert dropped == [12]
    assert net.heard(publisher, Taken)[-1] == Taken(20)


def test_who_wants_to_be_disconnected_is() -> None:
    net = Net(LINE)
    slow = net.client("A", policy=Policy.DISCONNECT, limit=4)
    net.subscribe(slow, "price < 1000")
    net.run()
    net.publish(net.client("D"), *[body(price=i) for i in range(20)])
    net.run()
    assert [(close.to, close.reason) for close in net.closed] == [(slow, "its queue was full")]
    assert net.entries("A") == {}


def test_lost_events_do_not_stop_the_source_for_ever() -> None:
    net = Net(["AB"], settings=FLOW)
    subscriber, publisher = net.client("A"), net.client("B")
    net.subscribe(subscriber, "price < 1000")
    net.publish(publisher, CHEAP)
    net.run()
    net.publish(publisher, *[CHEAP] * 100)
    net.queue.clear()  # nothing of it arrives
    net.cut("AB")
    net.connect("AB")
    net.run()
    net.wait(5)
    assert net.heard(publisher, Taken)[-1] == Taken(101)


@pytest.mark.parametrize("preset", ["default", "medym", "siena"])
def test_a_source_does_not_wait_for_a_broker_that_has_crashed(preset: str) -> None:
    net = Net(LINE, settings=FLOW, preset=preset)
    subscriber, publisher = net.client("D"), net.client("B")
    net.subscribe(subscriber, "price < 1000")
    net.publish(publisher, CHEAP)
    net.run()
    net.crash("D")
    net.run()
    net.publish(publisher, *[CHEAP] * 100)  # what the dead one wanted is still remembered
    net.run()
    net.settle()
    assert net.heard(publisher, Taken)[-1] == Taken(101)


# ---- what strangers get wrong -------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        Publish(7, (CHEAP,)),
        Publish(1, (CHEAP,) * 2_000),
        Consumed(1),
        Done(1),
    ],
)
def test_a_client_that_breaks_the_protocol_is_sent_away(message: object) -> None:
    net = Net(LINE)
    client = net.client("A")
    net.say(client, message)  # type: ignore[arg-type]
    assert [close.to for close in net.closed] == [client]
    net.say(client, Subscribe(1, 1, ""))  # crossed with it
    assert not net.heard(client, Done)


@pytest.mark.parametrize("wrong", [ClientUp(None, "never"), ClientUp(None, limit=0)])
def test_a_queue_that_cannot_be_is_refused(wrong: ClientUp) -> None:
    net = Net(LINE)
    net.tell("A", wrong, "#9")
    assert [close.to for close in net.closed] == ["#9"]


def test_a_neighbour_whose_clock_went_back_is_told() -> None:
    node = Node("a", incarnation=1)
    node.receive(LinkUp(7, 5), sender="b", now=0.0)
    record = Record("b", 5, 1, ("a",), 0, ())
    node.receive(Frame(7, 1, record), sender="b", now=0.1)
    node.receive(LinkDown(7, "it crashed"), sender="b", now=0.2)
    effects = node.receive(LinkUp(8, 4), sender="b", now=0.3)
    [close] = [effect for effect in effects if isinstance(effect, Close)]
    assert (close.to, close.session) == ("b", 8)
    assert "is its clock right?" in close.reason
    assert "b" not in node.neighbours.links


def test_a_neighbour_that_passes_on_nonsense_loses_its_link_only() -> None:
    net = Net(LINE)
    number = net.nodes["B"].neighbours.links["A"].next_in
    wrong = Change(((Key("A", 1, 1), "price <"),), ())
    net.tell("B", Frame(net.sessions["AB"], number, wrong), "A")
    assert [close.to for close in net.closed] == ["A"]
    assert "not a filter" in net.closed[0].reason or "filter" in net.closed[0].reason
    subscriber, publisher = net.client("B"), net.client("D")
    net.subscribe(subscriber, "price < 10")
    net.publish(publisher, CHEAP)
    net.run()
    assert net.got(subscriber) == [CHEAP]


def test_events_of_a_neighbour_that_cannot_be_read_are_dropped_and_counted() -> None:
    net = Net(LINE)
    subscriber = net.client("B")
    net.subscribe(subscriber, "price < 10")
    net.run()
    number = net.nodes["B"].neighbours.links["A"].next_in
    good = body(price=5)
    batch = tuple(
        Event("A", 1, sequence, "#1", text) for sequence, text in enumerate((good, b"{", good), 1)
    )
    net.tell("B", Frame(net.sessions["AB"], number, Events(batch)), "A")
    assert net.got(subscriber) == [good, good]
    assert net.nodes["B"].counters["dropped: unreadable"] == 1
    assert not net.closed


def test_a_window_bounds_what_is_on_its_way_whatever_comes_in_a_batch() -> None:
    net = Net(LINE, settings=Settings(window=8))
    slow, publisher = net.client("C", limit=4), net.client("A")
    net.subscribe(slow, "price < 1000")
    net.run()
    net.publish(publisher, *(body(price=i) for i in range(100)))
    for _ in range(200):
        net.run()
        assert net.nodes["A"].flow.room >= 0
        assert len(net.nodes["A"].clients.get(publisher).publisher.waiting) <= 100
        net.consume(slow)
    assert net.got(slow) == [body(price=i) for i in range(100)]
    assert net.heard(publisher, Taken)[-1] == Taken(100)


def test_a_gap_ends_the_link_and_what_was_lost_is_sent_again() -> None:
    net = Net(LINE)
    subscriber, publisher = net.client("A"), net.client("D")
    net.publish(publisher, DEAR)
    net.run()
    net.subscribe(subscriber, "price < 10")
    net.queue.popleft()  # the frame that carries it
    net.subscribe(subscriber, "price > 70", number=2, request=2)
    net.run()
    assert [(close.to, close.reason) for close in net.closed] == [("A", "frames are missing")]
    net.tell("A", LinkUp(99, 1), "B")
    net.tell("B", LinkUp(99, 1), "A")
    net.run()
    assert net.heard(subscriber, Done) == [Done(1), Done(2)]
    net.assert_tables_agree()


def test_frames_that_come_twice_or_late_mean_nothing() -> None:
    net = Net(LINE)
    session = net.sessions["AB"]
    for frame in (Frame(session, 1, Change((), ())), Frame(session + 50, 1, Change((), ()))):
        net.tell("B", frame, "A")
    net.tell("B", Frame(1, 1, Change((), ())), "nobody")
    assert net.nodes["B"].counters["frames ignored"] == 3
    assert not net.closed


def test_tables_are_not_sent_again_when_they_are_the_same() -> None:
    net = Net(LINE)
    net.subscribe(net.client("A"), "price < 10")
    net.publish(net.client("D"), DEAR)
    net.run()
    net.sent.clear()
    net.cut("AB")
    net.connect("AB")
    net.run()
    assert net.sent["Digest"] == 2
    assert not net.sent["Resync"]
    assert not net.sent["Table"]
    net.assert_tables_agree()


def test_a_table_that_differs_is_sent_whole() -> None:
    net = Net(LINE)
    subscriber = net.client("A")
    net.publish(net.client("D"), DEAR)
    net.run()
    net.subscribe(subscriber, "price < 10")
    net.cut("AB")  # the change is lost with it
    net.connect("AB")
    net.run()
    assert net.sent["Resync"] == 1
    assert net.entries("D") == {"price < 10": "A"}
    net.assert_tables_agree()


def test_records_with_our_name_do_not_replace_ours() -> None:
    net = Net(LINE)
    number = net.nodes["B"].neighbours.links["A"].next_in
    foreign = Record("B", 999, 1, (), 0, ())
    net.tell("B", Frame(net.sessions["AB"], number, foreign), "A")
    assert net.nodes["B"].neighbours.database.own.incarnation != 999
    assert net.nodes["B"].counters["records of another broker with our name"] == 1


def test_silence_ends_a_link() -> None:
    net = Net(LINE)
    net.wait(10)
    assert not net.closed  # heartbeats
    del net.nodes["D"]
    net.wait(5)
    assert [close.reason for close in net.closed] == ["nothing was heard for too long"]
    assert net.nodes["A"].neighbours.topology.brokers == ("A", "B", "C")


def test_a_filter_whose_canonical_text_is_too_long_is_refused_and_costs_no_link() -> None:
    net = Net(LINE)
    subscriber, publisher = net.client("A"), net.client("D")
    net.publish(publisher, DEAR)
    net.run()
    text = f"price IN ({','.join(map(str, range(150_000)))})"  # each comma gets a space
    net.subscribe(subscriber, text)
    net.say(publisher, Advertise(1, 1, text))
    net.run()
    assert [failed.error for failed in net.heard(subscriber, Failed)] == ["LimitExceeded"]
    assert [failed.error for failed in net.heard(publisher, Failed)] == ["LimitExceeded"]
    assert not net.entries("A")


def test_a_neighbour_whose_record_has_a_nonsensical_advert_loses_its_link_only() -> None:
    net = Net(LINE)
    link = net.nodes["B"].neighbours.links["C"]
    record = Record("C", 999, 1, ("B", "D"), 1, ("price < < 10",))
    net.tell("B", Frame(link.session, link.next_in, record), "C")
    assert [close.to for close in net.closed] == ["C"]
    assert net.nodes["A"].neighbours.database.records["C"].incarnation != 999


def test_a_report_lost_with_a_connection_that_is_replaced_is_made_again() -> None:
    net = Net(["AB", "BC"])
    publisher = net.client("A")
    net.say(publisher, Advertise(1, 1, "price < 10"))
    for name in "BC":  # learn of it
        sender, to, message = net.queue.popleft()
        assert (to, type(message.message)) == (name, Record)  # type: ignore[union-attr]
        net.tell(to, message, sender)
    assert [type(frame.message) for _, _, frame in net.queue] == [Settled]  # type: ignore[union-attr]
    net.queue.clear()
    net.connect("BC")  # and no route has changed
    net.run()
    assert net.heard(publisher, Done) == [Done(1)]


def test_events_of_an_earlier_incarnation_earn_no_credit_of_the_present_one() -> None:
    flow = Flow("B", 1, window=4)
    flow.received([Event("A", 8, 1, "p", b"{}")])
    assert flow.credits() == [Credit("A", 8, "B", 1)]
    flow.received([Event("A", 7, 1_000, "p", b"{}")])
    flow.probed(Probe("A", 7, "B", 1_000))
    flow.hold(Event("A", 7, 1_000, "p", b"{}"), "#1")
    assert not flow.owing
    flow.received([Event("A", 8, 2, "p", b"{}")])
    assert flow.credits() == [Credit("A", 8, "B", 2)]


def test_questions_about_a_broker_that_is_none_leave_nothing_behind() -> None:
    net = Net(LINE)
    client = net.client("A")
    net.say(client, Ask(1, "explain", '{"event": {"price": 1}, "source": "Z"}'))
    net.say(client, Ask(2, "explain", '{"event": {"price": 1}, "source": ["Z"]}'))
    assert [failed.request for failed in net.heard(client, Failed)] == [1, 2]
    assert not net.nodes["A"].neighbours.routes._branches.get("Z")


def test_topologies_of_the_past_are_not_kept() -> None:
    net = Net(RING)
    past = weakref.ref(net.nodes["A"].neighbours.topology)
    net.cut("AB")
    net.settle()
    gc.collect()
    assert past() is None
    assert len({node.neighbours.topology for node in net.nodes.values()}) == 1
