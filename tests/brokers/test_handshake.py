"""Who may say what before a connection stands, and that two brokers end with exactly one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.errors import ProtocolError
from brokers.greetings import Accept, BrokerHello, ClientHello, Goodbye
from brokers.handshake import STEPS, Greeting, Handshake, Hello, State
from brokers.messages import Ping, Policy
from brokers.wire import Decoder, encode

A, B = BrokerHello("a", 1, 10, "key of a"), BrokerHello("b", 2, 20, "key of b")
CLIENT = ClientHello("c", "key of c", Policy.DROP_OLDEST, 7)

Linked = Callable[[str], int | None]


def everybody(hello: Hello) -> str | None:
    return None


def nobody(hello: Hello) -> str | None:
    return f"{hello.name} is not let in"


def unlinked(name: str) -> int | None:
    return None


def carried(word: Greeting) -> Greeting:
    """The word after its journey."""
    (heard,) = Decoder().feed(encode(word))
    assert heard == word
    return heard  # type: ignore[return-value]


def talk(one: Handshake, two: Handshake) -> list[Greeting]:
    """Let them finish; all that was said."""
    to_two, to_one, said = one.start(), two.start(), []
    while to_one or to_two:
        for box, end, back in ((to_two, two, to_one), (to_one, one, to_two)):
            if box:
                word = box.pop(0)
                said.append(word)
                if end.state is not State.CLOSED:
                    back += end.receive(carried(word))
    return said


def pair(
    one: Hello,
    two: Hello,
    *,
    first_dials: bool,
    admits: tuple[Callable[[Hello], str | None], Callable[[Hello], str | None]] = (
        everybody,
        everybody,
    ),
    links: tuple[Linked, Linked] = (unlinked, unlinked),
) -> tuple[Handshake, Handshake, list[Greeting]]:
    """Two ends of a connection, after their talk."""
    ends = (
        Handshake(one, dials=first_dials, admit=admits[0], linked=links[0]),
        Handshake(two, dials=not first_dials, admit=admits[1], linked=links[1]),
    )
    said = talk(*ends)
    return *ends, said


# ---- one connection -----------------------------------------------------------------------------


@pytest.mark.parametrize("first_dials", [True, False])
def test_two_brokers(first_dials: bool) -> None:
    one, two, said = pair(A, B, first_dials=first_dials)
    assert one.state is two.state is State.UP
    assert (one.peer, two.peer) == (B, A)
    assert one.session == two.session == A.session, "the smaller name decides"
    assert sorted(type(word).__name__ for word in said) == ["Accept"] * 2 + ["BrokerHello"] * 2
    assert said[-1] == Accept()


def test_a_client_and_a_broker() -> None:
    client, broker, said = pair(CLIENT, B, first_dials=True)
    assert client.state is broker.state is State.UP
    assert broker.peer == CLIENT
    assert client.peer == BrokerHello("b", 2), "no token, no session"
    assert said == [CLIENT, BrokerHello("b", 2)]


@pytest.mark.parametrize("first_dials", [True, False])
@pytest.mark.parametrize("who", [0, 1])
def test_who_is_not_let_in(first_dials: bool, who: int) -> None:
    admits = (nobody, everybody) if who == 0 else (everybody, nobody)
    one, two, said = pair(A, B, first_dials=first_dials, admits=admits)
    assert one.state is two.state is State.CLOSED
    refused = (B, A)[who]
    assert one.reason == two.reason == f"{refused.name} is not let in"
    if first_dials == (who == 1):  # the one that was dialled refuses: it has said nothing else
        assert said == [refused, Goodbye(one.reason)]


def test_clients_may_be_refused_and_may_refuse() -> None:
    client, broker, said = pair(CLIENT, B, first_dials=True, admits=(everybody, nobody))
    assert client.state is broker.state is State.CLOSED
    assert said == [CLIENT, Goodbye("c is not let in")]
    end = Handshake(CLIENT, dials=True, admit=nobody)
    assert end.start() == [CLIENT]
    assert end.receive(BrokerHello("b", 2)) == [Goodbye("b is not let in")]
    assert end.state is State.CLOSED


@pytest.mark.parametrize("first_dials", [True, False])
def test_a_broker_reaches_itself(first_dials: bool) -> None:
    one, two, _ = pair(A, A, first_dials=first_dials)
    assert one.reason == two.reason == "a has reached itself"
    one, two, _ = pair(A, A._replace(incarnation=9), first_dials=first_dials)
    assert one.reason == two.reason == "a has reached another broker of its name"


@pytest.mark.parametrize("first_dials", [True, False])
def test_names_that_are_linked_already(first_dials: bool) -> None:
    def outcome(at_a: int | None, at_b: int | None) -> str:
        links: tuple[Linked, Linked] = ({"b": at_a}.get, {"a": at_b}.get)
        one, two, _ = pair(A, B, first_dials=first_dials, links=links)
        assert one.state is two.state
        assert one.reason == two.reason
        return one.reason or one.state.name

    assert outcome(None, None) == "UP"
    assert outcome(2, None) == "a is still connected to b", "the decider knows"
    assert outcome(None, 1) == "UP", "the follower believes the decider"
    assert outcome(3, None) == "a is still connected to another incarnation of b"
    assert outcome(None, 4) == "b is still connected to another incarnation of a"


def test_what_stands_is_asked_again_before_it_stands() -> None:
    for me, peer in ((A, B), (B, A)):
        links: dict[str, int] = {}
        end = Handshake(me, dials=True, admit=everybody, linked=links.get)
        end.receive(peer)
        links[peer.name] = 99
        assert isinstance(end.receive(Accept())[0], Goodbye)
        assert end.state is State.CLOSED


# ---- what may be said when ----------------------------------------------------------------------


WORDS: list[Greeting | Ping] = [B, CLIENT, Accept(), Goodbye("enough"), Ping()]


@pytest.mark.parametrize(("state", "word"), list(product(State, WORDS)))
def test_everything_else_is_refused(state: State, word: Greeting | Ping) -> None:
    end = Handshake(A, dials=False, admit=everybody)
    end.peer, end.state = B, state
    if (state, type(word)) in STEPS:
        end.receive(word)
        assert end.state is not state
    else:
        with pytest.raises(
            ProtocolError, match=f"{type(word).__name__} to an end that {state.value}"
        ):
            end.receive(word)
        assert end.state is state


def test_goodbye_may_be_said_at_any_time() -> None:
    waiting = set(State) - {State.UP, State.CLOSED}
    assert {state for state, word in STEPS if word is Goodbye} == waiting
    end = Handshake(A, dials=True, admit=everybody)
    assert end.receive(Goodbye("enough")) == []
    assert (end.state, end.reason) == (State.CLOSED, "enough")


def test_hellos_that_make_no_sense() -> None:
    with pytest.raises(ProtocolError, match="a session is 1 or more, not 0"):
        Handshake(A, dials=False, admit=everybody).receive(B._replace(session=0))
    with pytest.raises(ProtocolError, match="room for 1 event or more, not 0"):
        Handshake(A, dials=False, admit=everybody).receive(ClientHello("c", limit=0))


# ---- two connections at once --------------------------------------------------------------------


class Connection:
    """Two ends, and what is under way to each; None: the other end is gone."""

    def __init__(self, ends: list[Handshake], dialler: int) -> None:
        self.ends, self.dialler = ends, dialler
        self.boxes: list[list[Greeting | None]] = [[], []]
        self.open = [True, True]


class World:
    """Two brokers that dial each other whenever they have no link, over connections that break."""

    def __init__(self) -> None:
        self.hellos = [A, B]
        self.connections: list[Connection] = []
        self.links: list[Connection | None] = [None, None]

    def linked(self, side: int) -> Linked:
        other = self.hellos[1 - side]
        return lambda name: other.incarnation if self.links[side] and name == other.name else None

    def actions(self) -> list[partial[None]]:
        """All that may happen next; what is under way comes before new connections."""
        found = [
            partial(self.hear, one, side)
            for one in self.connections
            for side in (0, 1)
            if one.boxes[side] and one.open[side]
        ]
        for side in (0, 1):
            trying = any(c.dialler == side and c.open[side] for c in self.connections)
            if self.links[side] is None and not trying:
                found.append(partial(self.dial, side))
        return found

    def dial(self, side: int) -> None:
        hellos = [
            hello._replace(session=1_000 * (at + 1) + len(self.connections))
            for at, hello in enumerate(self.hellos)
        ]
        ends = [
            Handshake(hellos[at], dials=at == side, admit=everybody, linked=self.linked(at))
            for at in (0, 1)
        ]
        one = Connection(ends, side)
        one.boxes[1 - side] += ends[side].start()
        self.connections.append(one)

    def hear(self, one: Connection, side: int) -> None:
        word, end = one.boxes[side].pop(0), one.ends[side]
        if word is None:
            self.close(one, side)
            return
        one.boxes[1 - side] += end.receive(word)
        if end.state is State.CLOSED:
            self.close(one, side)
        elif end.state is State.UP:
            older, self.links[side] = self.links[side], one
            if older is not None:
                self.close(older, side)

    def close(self, one: Connection, side: int) -> None:
        one.open[side] = False
        one.boxes[1 - side].append(None)
        if self.links[side] is one:
            self.links[side] = None

    def cut(self, one: Connection) -> None:
        """What is under way is lost; both ends learn of it, each in its time."""
        one.boxes = [[None], [None]]

    def check(self) -> None:
        for side in (0, 1):
            up = [c for c in self.connections if c.open[side] and c.ends[side].state is State.UP]
            assert up == [c for c in [self.links[side]] if c]


@given(data=st.data())
def test_two_brokers_end_with_exactly_one_connection(data: st.DataObject) -> None:
    world = World()
    for _ in range(data.draw(st.integers(0, 40))):
        actions = world.actions()
        cuttable = [c for c in world.connections if all(c.open)]
        at = data.draw(st.integers(0, max(0, len(actions) + len(cuttable) // 2 - 1)))
        if at < len(actions):
            actions[at]()
        elif cuttable:
            world.cut(cuttable[at % len(cuttable)])
        world.check()
    for _ in range(1_000):
        actions = world.actions()
        if not actions:
            break
        actions[0]()
        world.check()
    else:
        pytest.fail("they never agree")
    (one,) = {*world.links}
    assert one is not None
    assert [end.state for end in one.ends] == [State.UP] * 2
    assert one.ends[0].session == one.ends[1].session
    assert one.ends[0].session < 2_000, "the decider's"
    assert [c for c in world.connections if any(c.open)] == [one]


def test_both_dial_at_the_same_moment() -> None:
    world = World()
    world.dial(0)
    world.dial(1)
    turns = 0
    while actions := world.actions():
        actions[turns % len(actions)]()
        turns += 1
    assert len(world.connections) == 2
    assert sorted(one.ends[0].state.name for one in world.connections) == ["CLOSED", "UP"]


def test_brokers_of_different_presets_do_not_connect() -> None:
    end = Handshake(A, dials=False, admit=lambda hello: None)
    (goodbye,) = end.receive(B._replace(preset="siena"))
    assert goodbye == Goodbye("a routes by default, and b by siena")
