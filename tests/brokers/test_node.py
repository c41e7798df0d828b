"""What one node, or a few, do: one behaviour a test. `test_simulation` has all at once."""

import json

import pytest

from broker_net import LINE, RING, Net
from brokers.messages import (
    Advertise,
    Change,
    ClientUp,
    Consumed,
    Deliver,
    Done,
    Failed,
    Frame,
    Key,
    LinkUp,
    Lost,
    Policy,
    Publish,
    Record,
    Refused,
    Subscribe,
    Taken,
    Unadvertise,
    Unsubscribe,
    Welcome,
)
from brokers.presets import PRESETS
from brokers.settings import Settings

ALL_PRESETS = pytest.mark.parametrize("preset", PRESETS)


def body(**attributes: object) -> bytes:
    return json.dumps(attributes).encode()


CHEAP, DEAR = body(price=5, key="a"), body(price=50, key="b")


# ---- every preset -------------------------------------------------------------------------------


@ALL_PRESETS
@pytest.mark.parametrize("publisher_at", "ABD")
def test_who_wants_it_gets_it_once(preset: str, publisher_at: str) -> None:
    net = Net(RING, preset=preset)
    net.settle()
    subscribers = {at: net.client(at) for at in "ABCDE"}
    for at, client in subscribers.items():
        net.subscribe(client, "price < 10" if at in "AC" else "price > 90")
    net.run()
    assert all(net.heard(client, Done) == [Done(1)] for client in subscribers.values())
    publisher = net.client(publisher_at)
    net.publish(publisher, CHEAP, DEAR, CHEAP)
    net.run()
    assert net.heard(publisher, Taken)[-1] == Taken(3)
    for at, client in subscribers.items():
        assert net.got(client) == ([CHEAP, CHEAP] if at in "AC" else [])


@ALL_PRESETS
def test_tables_agree_and_are_empty_when_all_have_left(preset: str) -> None:
    net = Net(RING, preset=preset)
    clients = [net.client(at) for at in "ABCDE"]
    for i, client in enumerate(clients):
        net.subscribe(client, f"price < {10 * (i % 3)}")
        net.subscribe(client, f"key = 'k{i}'", number=2, request=2)
    net.run()
    net.publish(clients[0], CHEAP)
    net.run()
    net.settle()
    net.assert_tables_agree()
    for client in clients:
        net.leave(client)
    net.run()
    net.settle()
    net.assert_empty()


@ALL_PRESETS
def test_a_link_is_cut_and_another_way_found(preset: str) -> None:
    net = Net(RING, preset=preset)
    subscriber, publisher = net.client("A"), net.client("C")
    net.subscribe(subscriber, "price < 10")
    net.publish(publisher, CHEAP)
    net.run()
    for link in ("AB", "CD"):
        net.cut(link)
        net.run()
        net.settle()
        before = len(net.got(subscriber))
        if link == "AB":
            net.publish(publisher, CHEAP)
            net.run()
            assert len(net.got(subscriber)) == before + 1
            net.connect(link)
            net.run()
            net.settle()
    net.publish(publisher, CHEAP)
    net.run()
    assert len(net.got(subscriber)) == 3


@ALL_PRESETS
def test_a_broker_crashes_and_comes_back(preset: str) -> None:
    net = Net(RING, preset=preset)
    subscriber, publisher = net.client("A"), net.client("C")
    net.subscribe(subscriber, "price < 10")
    net.run()
    net.crash("B")
    net.run()
    net.settle()
    net.start("B")
    net.connect("AB")
    net.connect("BC")
    net.run()
    net.settle()
    net.publish(publisher, CHEAP)
    net.run()
    assert net.got(subscriber) == [CHEAP]
    net.assert_tables_agree()


# ---- interest goes where events come from -------------------------------------------------------


def test_an_advert_taken_back_is_kept_for_a_while() -> None:
    net = Net(LINE)
    publisher, subscriber = net.client("A"), net.client("D")
    net.subscribe(subscriber, "price < 10")
    net.say(publisher, Advertise(1, 1, "price < 100"))
    net.run()
    net.publish(publisher, CHEAP)
    net.say(publisher, Unadvertise(2, 1))  # overtakes nothing
    net.run()
    assert net.got(subscriber) == [CHEAP]
    assert net.entries("B")
    net.settle()
    assert not net.entries("A")
    assert not net.entries("B")


def test_what_was_not_advertised_is_refused() -> None:
    net = Net(LINE)
    publisher = net.client("A")
    net.say(publisher, Advertise(1, 1, "price < 10"))
    net.publish(publisher, CHEAP, DEAR, b"{", b"[1]")
    net.run()
    refused = net.heard(publisher, Refused)
    assert [(r.number, r.error) for r in refused] == [
        (2, "NotAdvertised"),
        (3, "EventError"),
        (4, "EventError"),
    ]
    assert net.heard(publisher, Taken)[-1] == Taken(4)


def test_what_was_published_before_the_first_advert_is_not_refused() -> None:
    net = Net(LINE)
    publisher, subscriber = net.client("A"), net.client("D")
    net.subscribe(subscriber, "price > 10")
    net.publish(publisher, DEAR)
    net.say(publisher, Advertise(1, 1, "price < 10"))
    net.run()
    net.publish(publisher, DEAR)
    net.run()
    assert net.got(subscriber) == [DEAR]
    assert [r.number for r in net.heard(publisher, Refused)] == [2]


def test_a_publication_waits_until_all_have_answered() -> None:
    net = Net(LINE)
    subscriber, publisher = net.client("D"), net.client("A")
    net.subscribe(subscriber, "price < 10")
    net.publish(publisher, CHEAP)
    assert not net.heard(publisher, Taken)
    net.run()
    assert net.heard(publisher, Taken) == [Taken(1)]
    assert net.got(subscriber) == [CHEAP]


def test_a_broker_that_joins_gets_interest_before_it_takes_a_publication() -> None:
    net = Net(LINE)
    subscriber = net.client("A")
    net.subscribe(subscriber, "price < 10")
    net.run()
    net.start("E")
    publisher = net.client("E")
    net.connect("DE")
    net.publish(publisher, CHEAP)
    net.run()
    assert net.got(subscriber) == [CHEAP]


def test_a_subscriber_that_joins_is_told_when_it_is_complete() -> None:
    net = Net(LINE)
    publisher = net.client("A")
    net.publish(publisher, DEAR)
    net.run()
    net.start("E")
    net.connect("DE")
    subscriber = net.client("E")
    net.subscribe(subscriber, "price < 10")
    while not net.heard(subscriber, Done):
        sender, to, message = net.queue.popleft()
        net.tell(to, message, sender)
    net.publish(publisher, CHEAP)
    net.run()
    assert net.got(subscriber) == [CHEAP]


# ---- changing subscriptions ---------------------------------------------------------------------


def test_a_filter_is_replaced_at_once() -> None:
    net = Net(LINE)
    subscriber, publisher = net.client("A"), net.client("D")
    net.subscribe(subscriber, "price < 10")
    net.publish(publisher, CHEAP)
    net.run()
    net.say(subscriber, Subscribe(2, 1, "price > 10"))
    assert not net.heard(subscriber, Done)[1:]
    net.publish(publisher, CHEAP)  # still the old one
    net.run()
    assert net.heard(subscriber, Done)[1:] == [Done(2)]
    net.publish(publisher, CHEAP, DEAR)
    net.run()
    assert net.got(subscriber)[-1] == DEAR
    assert net.got(subscriber).count(DEAR) == 1
    assert list(net.entries("D")) == ["price > 10"]


def test_a_replacement_is_replaced_before_it_has_settled() -> None:
    net = Net(LINE)
    subscriber, publisher = net.client("A"), net.client("D")
    net.publish(publisher, DEAR)
    net.run()
    for request, filter in enumerate(("price < 10", "price > 10", "price = 50"), 1):
        net.say(subscriber, Subscribe(request, 1, filter))
    net.run()
    assert sorted(net.heard(subscriber, Done)) == [Done(1), Done(2), Done(3)]
    assert list(net.entries("D")) == ["price = 50"]
    net.say(subscriber, Unsubscribe(4, 1))
    net.run()
    assert net.entries("A") == {}


def test_what_was_covered_is_passed_on_when_its_coverer_leaves() -> None:
    net = Net(LINE)
    wide, narrow, publisher = net.client("A"), net.client("A"), net.client("D")
    net.publish(publisher, DEAR)
    net.subscribe(wide, "price < 100")
    net.subscribe(narrow, "price < 10")
    net.run()
    assert list(net.entries("D")) == ["price < 100"]
    net.leave(wide)
    net.publish(publisher, CHEAP)
    net.run()
    assert list(net.entries("D")) == ["price < 10"]
    assert net.got(narrow) == [CHEAP]


def test_an_unknown_subscription_or_a_wrong_filter_changes_nothing() -> None:
    net = Net(LINE)
    client = net.client("A")
    net.say(client, Unsubscribe(1, 9))
    net.say(client, Subscribe(2, 1, "price <"))
    net.say(client, Advertise(3, 1, "price <"))
    net.say(client, Unadvertise(4, 1))
    errors = [(f.request, f.error) for f in net.heard(client, Failed)]
    assert errors == [
        (1, "UnknownSubscription"),
        (2, "FilterSyntaxError"),
        (3, "FilterSyntaxError"),
        (4, "ValueError"),
    ]
    net.run()
    net.assert_empty()


def test_a_named_client_finds_its_subscriptions_again() -> None:
    net = Net(LINE)
    first = net.client("A", "bob")
    net.subscribe(first, "price < 10", number=7)
    net.run()
    assert [tuple(save) for save in net.saves] == [("bob", 7, "price < 10")]
    net.leave(first)
    net.run()
    assert net.entries("A") == {}
    second = net.client("A", "bob")
    assert net.heard(second, Welcome) == [Welcome("A", "bob", ((7, "price < 10"),))]
    publisher = net.client("D")
    net.publish(publisher, CHEAP)
    net.run()
    assert net.got(second) == [CHEAP]
    third = net.client("A", "bob")
    assert [close.to for close in net.closed] == [second]
    net.say(third, Unsubscribe(1, 7))
    assert net.saves[-1].filter is None


def test_saved_subscriptions_survive_the_broker() -> None:
    net = Net(["AB"], saved={"bob": {7: "price < 10"}})
    client = net.client("A", "bob")
    net.publish(net.client("B"), CHEAP)
    net.run()
    assert net.got(client) == [CHEAP]


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


# ---- questions ----------------------------------------------------------------------------------


def test_why_an_event_takes_a_link() -> None:
    net = Net(LINE)
    net.subscribe(net.client("D"), "price < 10")
    net.subscribe(net.client("B"), "price < 20")
    publisher = net.client("B")
    net.publish(publisher, DEAR)
    net.run()
    net.settle()
    answer = json.loads(net.ask("B", "explain", '{"event": {"price": 5}}'))
    assert answer["links"]["C"]["taken"]
    assert answer["links"]["C"]["why"][0]["filter"] == "price < 10"
    assert answer["links"]["C"]["why"][0]["for"] == "D"
    assert not answer["links"]["A"]["taken"]
    assert [why["filter"] for why in answer["here"]] == ["price < 20"]
    answer = json.loads(net.ask("B", "explain", '{"event": {"price": 50}, "source": "D"}'))
    assert answer["links"]["A"]["why"] == "no filter imported over this link matches"
    assert answer["links"]["C"]["why"] == "the tree of D does not lead over this link"


def test_status_and_audit_are_json() -> None:
    net = Net(LINE)
    net.subscribe(net.client("A"), "price < 10")
    net.publish(net.client("D"), CHEAP)
    net.run()
    status = json.loads(net.ask("B", "status"))
    assert status["brokers"] == ["A", "B", "C", "D"]
    assert status["links"]["C"]["events_received"] == 1
    audit = [json.loads(net.ask(name, "audit"))["links"] for name in "AB"]
    assert audit[0]["B"]["exported"] == audit[1]["A"]["imported"] != [0, 0]


@pytest.mark.parametrize(
    ("what", "arguments"), [("nothing", ""), ("status", "[1"), ("explain", '{"event": 3}')]
)
def test_a_question_that_makes_no_sense_is_refused(what: str, arguments: str) -> None:
    net = Net(LINE)
    with pytest.raises(AssertionError, match="Failed"):
        net.ask("A", what, arguments)
    assert not net.closed


def test_deliveries_name_every_subscription_that_matched() -> None:
    net = Net(LINE)
    client = net.client("A")
    for number in (3, 1, 2):
        net.subscribe(client, f"price < {number * 10}", number=number, request=number)
    net.publish(net.client("D"), body(price=15))
    net.run()
    (message,) = net.heard(client, Deliver)
    assert [delivery.subscriptions for delivery in message.batch] == [(2, 3)]
