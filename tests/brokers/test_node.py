"""What one node, or a few, do: one behaviour a test. `test_simulation` has all at once."""

import json

import pytest

from broker_net import LINE, RING, Net
from brokers.messages import (
    Advertise,
    Deliver,
    Done,
    Failed,
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


def test_subscriptions_travel_only_towards_adverts_that_overlap() -> None:
    net = Net(LINE)
    publisher, subscriber = net.client("A"), net.client("B")
    net.say(publisher, Advertise(1, 1, "symbol = 'ACME'"))
    net.run()
    assert net.heard(publisher, Done) == [Done(1)]
    net.subscribe(subscriber, "symbol = 'ACME' AND price < 10")
    net.subscribe(subscriber, "symbol = 'OTHER'", number=2, request=2)
    net.run()
    assert net.entries("A") == {"symbol = 'ACME' AND price < 10": "B"}
    assert net.entries("C") == {} == net.entries("D")
    net.say(net.client("D"), Advertise(1, 1, "symbol = 'OTHER'"))
    net.run()
    assert net.entries("C") == net.entries("D") == {"symbol = 'OTHER'": "B"}


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


@ALL_PRESETS
def test_what_is_wrong_in_a_batch_is_refused_and_the_rest_goes_on(preset: str) -> None:
    net = Net(LINE, preset=preset)
    subscriber, publisher = net.client("C"), net.client("D")
    net.subscribe(subscriber, "price < 100")
    net.run()
    net.publish(publisher, CHEAP, b"{", DEAR, b"[1]", CHEAP)
    net.run()
    refused = net.heard(publisher, Refused)
    assert [(r.number, r.error) for r in refused] == [(2, "EventError"), (4, "EventError")]
    assert net.heard(publisher, Taken)[-1] == Taken(5)
    assert net.got(subscriber) == [CHEAP, DEAR, CHEAP]
    batches = [deliver.batch for deliver in net.heard(subscriber, Deliver)]
    assert [d.event.sequence for batch in batches for d in batch] == [1, 2, 3]


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


def test_an_advert_covers_what_was_published_before_it_was_taken_back() -> None:
    net = Net(LINE, settings=Settings(window=2))
    publisher, subscriber = net.client("A"), net.client("D", limit=1)
    net.subscribe(subscriber, "price < 1000")
    net.say(publisher, Advertise(1, 1, "price < 10"))
    net.run()
    net.publish(publisher, *[CHEAP] * 20)  # most of them have to wait
    net.say(publisher, Advertise(2, 1, "price > 10"))
    net.publish(publisher, DEAR, CHEAP)
    net.say(publisher, Unadvertise(3, 1))
    for _ in range(40):
        net.wait(1)
        net.consume(subscriber)
        net.run()
    assert net.got(subscriber) == [CHEAP] * 20 + [DEAR]
    assert [r.number for r in net.heard(publisher, Refused)] == [22]
    net.settle()
    assert not net.nodes["D"].neighbours.adverts.sources_known()


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
