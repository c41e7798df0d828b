"""A client's state without a connection: what is said again, and what is not."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers import NotAdvertised, ProtocolError, RequestRefused
from brokers.client import AGAIN, ClientState, body_of, error_named
from brokers.messages import (
    Advertise,
    Answer,
    Ask,
    Consumed,
    Deliver,
    Delivery,
    Done,
    Event,
    Failed,
    FromClient,
    Lost,
    Publish,
    Refused,
    Subscribe,
    Taken,
    Unadvertise,
    Unsubscribe,
    Welcome,
)
from matchengine import EventError

WELCOME = Welcome("a", "#1", ())


def connected(*left: tuple[int, str]) -> ClientState:
    state = ClientState()
    assert state.connected(Welcome("a", "app", left)) == []
    return state


def again(state: ClientState, *left: tuple[int, str]) -> list[FromClient]:
    """The connection is lost, and there is another one."""
    state.disconnected()
    return state.connected(Welcome("a", "app", left))


def delivery(number: int, *subscriptions: int) -> Delivery:
    return Delivery(subscriptions, Event("a", 1, number, "p", b"{}"))


def subscribed(state: ClientState, filter: str) -> int:
    number, request = state.subscribe(filter)
    state.receive(Done(request.request))
    return number


def test_what_stands_is_said_again() -> None:
    state = connected()
    one, two = subscribed(state, "a"), subscribed(state, "b")
    state.receive(Done(state.unsubscribe(two).request))
    advert, request = state.advertise("c")
    state.receive(Done(request.request))
    said = again(state)
    assert [word._replace(request=0) for word in said] == [  # type: ignore[union-attr,call-arg]
        Advertise(0, advert, "c"),
        Subscribe(0, one, "a"),
    ]


def test_what_is_open_is_said_again_behind_it_in_its_order() -> None:
    state = connected()
    one = subscribed(state, "a")
    _, replaced = state.subscribe("a2", one)
    new, asked = state.subscribe("b")
    question = state.ask("status", {})
    ended = state.unsubscribe(new)
    said = again(state, (7, "stale"))
    assert isinstance(said[0], Subscribe)
    assert said[0][1:] == (one, "a")
    assert isinstance(said[1], Unsubscribe)
    assert said[1].subscription == 7
    assert said[2:] == [replaced, asked, question, ended]
    # Once more, before anything was answered: nothing is said twice.
    assert again(state)[1:] == [replaced, asked, question, ended]
    state.receive(Done(replaced.request))
    assert state.subscriptions == {one: "a2"}
    answered = state.receive(Failed(ended.request, "UnknownSubscription", ""))
    assert answered is not None
    assert answered.error is None, "it went with the connection before"


def test_a_replacement_that_fails_leaves_the_old_filter() -> None:
    state = connected()
    one = subscribed(state, "a")
    _, request = state.subscribe("b", one)
    answered = state.receive(Failed(request.request, "LimitExceeded", "too long"))
    assert answered is not None
    assert str(answered.error) == "too long"
    assert state.subscriptions == {one: "a"}


def test_what_does_not_stand_on_the_new_connection_is_gone() -> None:
    state = connected()
    one = subscribed(state, "a")
    _, request = state.advertise("x")
    state.receive(Done(request.request))
    advert, subscription = again(state)
    state.publish(b"{}")
    assert state.take_publications() == [], "not before the adverts are said"
    state.receive(Failed(advert.request, "LimitExceeded", ""))  # type: ignore[union-attr]
    assert state.take_publications() == [Publish(1, (b"{}",))]
    assert state.adverts == {}
    state.receive(Failed(subscription.request, "LimitExceeded", ""))  # type: ignore[union-attr]
    assert one not in state.subscriptions
    assert one not in state.queues


def test_subscriptions_left_behind() -> None:
    state = connected((3, "a"), (9, "b"))
    assert state.subscriptions == {3: "a", 9: "b"}
    number, _ = state.subscribe("c")
    assert number == 10


def test_publications_are_answered_refused_or_unknown() -> None:
    state = connected()
    assert [state.publish(b"1"), state.publish(b"2"), state.publish(b"3")] == [1, 2, 3]
    assert state.take_publications() == [Publish(1, (b"1", b"2", b"3"))]
    assert state.take_publications() == []
    state.receive(Refused(1, "NotAdvertised", "no"))
    assert state.unanswered == 2
    state.receive(Taken(2))
    assert state.unanswered == 1
    assert again(state) == []
    assert (state.unknown, state.unanswered) == (1, 0)
    assert state.publish(b"4") == 4
    assert state.take_publications() == [Publish(1, (b"4",))]
    state.receive(Refused(1, "EventError", "bad"))
    state.receive(Taken(1))
    assert state.unanswered == 0
    assert [(number, type(error)) for number, error in state.refusals] == [
        (1, NotAdvertised),
        (4, EventError),
    ]


def test_what_was_never_sent_is_unknown_as_well() -> None:
    state = connected()
    state.publish(b"1")
    again(state)
    assert state.unknown == 1
    assert state.take_publications() == []


def test_large_publications_travel_in_several_frames() -> None:
    state = connected()
    for _ in range(3):
        state.publish(b"x" * 200_000)
    assert [(word.first, len(word.bodies)) for word in state.take_publications()] == [
        (1, 1),
        (2, 1),
        (3, 1),
    ]


def test_deliveries_count_as_consumed_when_all_who_wanted_them_took_them() -> None:
    state = connected()
    one, two = subscribed(state, "a"), subscribed(state, "b")
    state.receive(Deliver((delivery(1, one, two), delivery(2, two), delivery(3, 77))))
    assert state.take_consumed() == Consumed(1), "nobody waits for the last"
    assert state.take(one) is not None
    assert state.take_consumed() is None
    assert state.take(two) is not None
    assert state.take_consumed() == Consumed(2)
    state.unsubscribe(two)
    assert state.take_consumed() == Consumed(3)
    assert state.take(one) is None
    assert state.take(two) is None


def test_deliveries_of_the_connection_before_are_not_consumed_on_this_one() -> None:
    state = connected()
    one = subscribed(state, "a")
    state.receive(Deliver((delivery(1, one), delivery(2, one))))
    state.take(one)
    again(state)
    state.receive(Deliver((delivery(3, one),)))
    events = [state.take(one), state.take(one)]
    assert [event.sequence for event in events if event] == [2, 3]
    assert state.take_consumed() == Consumed(1)


def test_losses_add_up_over_connections() -> None:
    state = connected()
    state.receive(Lost("full", 3))
    state.receive(Lost("full", 5))
    again(state)
    state.receive(Lost("full", 1))
    state.receive(Lost("late", 2))
    assert state.lost == Counter({"full": 6, "late": 2})


@pytest.mark.parametrize(
    "word", [Done(9), Answer(9, "{}"), Failed(9, "x", ""), Taken(1), Refused(1, "x", ""), WELCOME]
)
def test_answers_to_nothing(word: object) -> None:
    with pytest.raises(ProtocolError):
        connected().receive(word)  # type: ignore[arg-type]


def test_a_publication_is_answered_once() -> None:
    state = connected()
    state.publish(b"1")
    state.receive(Taken(1))
    with pytest.raises(ProtocolError):
        state.receive(Refused(1, "x", ""))


@given(st.lists(st.sampled_from(["publish", "take", "answer", "lose"]), max_size=30))
def test_every_publication_is_accounted_for(steps: list[str]) -> None:
    state, sent, answered, unknown, here = connected(), 0, 0, 0, 0
    for step in steps:
        if step == "publish":
            state.publish(b"x")
            sent += 1
        elif step == "take":
            state.take_publications()
        elif step == "answer" and sent > answered + unknown:
            answered += 1
            here += 1  # as this connection counts
            state.receive(Taken(here))
        elif step == "lose":
            unknown, here = sent - answered, 0
            again(state)
        assert state.unanswered == sent - answered - unknown
        assert state.unknown == unknown


def test_asking_and_withdrawing() -> None:
    state = connected()
    question = state.ask("explain", {"event": "{}"})
    assert question == Ask(1, "explain", '{"event": "{}"}')
    answered = state.receive(Answer(1, "{}"))
    assert answered is not None
    assert (answered.error, answered.text) == (None, "{}")
    advert, request = state.advertise("x")
    state.receive(Done(request.request))
    assert state.unadvertise(advert) == Unadvertise(3, advert)
    assert state.adverts == {}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("EventError", EventError),
        ("NotAdvertised", NotAdvertised),
        ("OSError", RequestRefused),
        ("parse", RequestRefused),
        ("", RequestRefused),
    ],
)
def test_errors_by_name(name: str, kind: type[Exception]) -> None:
    error = error_named(name, "why")
    assert type(error) is kind
    assert "why" in str(error)


def test_bodies() -> None:
    assert body_of({"a": "ä", "b": [1, 2.5]}) == '{"a":"ä","b":[1,2.5]}'.encode()
    assert body_of(b"{}") == body_of("{}") == body_of(bytearray(b"{}")) == b"{}"
    for wrong in ({"a": float("inf")}, {"a": object()}, {"a": "\ud800"}, b" " * (1 + (16 << 20))):
        with pytest.raises(EventError):
            body_of(wrong)


def test_what_a_broker_that_began_anew_delivers_again_is_dropped() -> None:
    state = ClientState()
    state.connected(Welcome("a", "#1", ()))
    number, _ = state.subscribe("price < 10")
    first, second = (Event("b", 1, sequence, "#1", b"{}") for sequence in (1, 2))
    for event in (first, second, first, second, Event("b", 2, 1, "#1", b"{}")):
        state.receive(Deliver((Delivery((number,), event),)))
    assert [arrival.event.sequence for arrival in state.queues[number]] == [1, 2, 1]
    assert state.lost == {AGAIN: 2}


@pytest.mark.parametrize("event", [{1: 2}, {"a": {None: 1}}, {"a": [{"b": 1}, {True: 1}]}])
def test_keys_are_strings(event: dict[str, object]) -> None:
    with pytest.raises(EventError, match="a key of an event is a str, not"):
        body_of(event)
