"""One connection, from its first word until the node is told of it.

Two rules. Nothing but greetings is said before the handshake is through, and the shell's `admit`
has let in the other end by then. Of two brokers, the one with the smaller name *decides*: a
connection stands once the decider has said its `Accept`, which it says on one connection only.

    client           broker               decider               follower     (either may dial)
      | ClientHello    |                     | BrokerHello          |
      |--------------->| admit?              |<-------------------->| admit?  (both)
      |    BrokerHello |                     |               Accept |
      |<---------------|                     |<---------------------| content with the decider
      up               up         no other?  | Accept               |
                                  up         |--------------------->| up

So two brokers that dial each other at once end with one connection, the first on which the follower
was content; on the other it hears a `Goodbye`. Who decides by itself cannot be wrong about what
stands. The follower takes the decider's word for it that an older connection is gone, which it may
not have noticed: the new one replaces it. Another incarnation, however, has to wait until the old
connection is dead, here or there: two brokers with one name must not push each other out.

The session of a link is the one that the decider proposed. Time is the shell's: it closes what is
not up after a few seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from brokers.errors import ProtocolError
from brokers.greetings import Accept, BrokerHello, ClientHello, Goodbye

__all__ = ["Greeting", "Handshake", "Hello", "State"]

Hello = BrokerHello | ClientHello
Greeting = Hello | Accept | Goodbye


class State(Enum):
    """What this end waits for."""

    LISTENING = "waits for a hello"
    CALLING = "waits for an answer to its hello"
    DECIDING = "waits until the follower is content"
    FOLLOWING = "waits for the decider"
    UP = "is through"
    CLOSED = "is over"


class Handshake:
    """The machine of one connection. The shell sends what the methods return, in order.

    `me`      what this end says of itself: a broker's hello has a session, unlike any other
    `dials`   whether this end opened the connection; a client always does
    `admit`   why the other end is not let in, or None: tokens, certificates, names of clients
    `linked`  the incarnation of the broker of that name to which a link is up, or None

    When `state` becomes UP, the shell must count the link as up before it does anything else, since
    other connections ask `linked`. When it becomes CLOSED, `reason` says why, and the shell closes
    the connection once what was returned is sent.
    """

    def __init__(
        self,
        me: Hello,
        *,
        dials: bool,
        admit: Callable[[Hello], str | None],
        linked: Callable[[str], int | None] = lambda name: None,
    ) -> None:
        self.state = State.CALLING if dials else State.LISTENING
        self.peer: Hello | None = None  #: who is at the other end
        self.session = 0  #: of the link between two brokers
        self.reason = ""
        self._me, self._admit, self._linked = me, admit, linked

    def start(self) -> list[Greeting]:
        """What is said before anything is heard."""
        return [self._me] if self.state is State.CALLING else []

    def receive(self, word: object) -> list[Greeting]:
        """What is answered to the word.

        Raises ProtocolError where it must not be said; the shell answers that with a Goodbye.
        """
        step = STEPS.get((self.state, type(word)))
        if step is None:
            raise ProtocolError(f"{type(word).__name__} to an end that {self.state.value}")
        return step(self, word)

    def _meet_client(self, hello: ClientHello) -> list[Greeting]:
        """A client wants to be let in."""
        assert isinstance(self._me, BrokerHello), "nobody dials a client"
        if hello.limit == 0:
            raise ProtocolError("ClientHello: a queue has room for 1 event or more, not 0")
        self.peer = hello
        why = self._admit(hello)
        if why is not None:
            return self._refuse(why)
        self.state = State.UP
        return [self._me._replace(session=0, token="")]

    def _meet_broker(self, hello: BrokerHello) -> list[Greeting]:
        """A broker says who it is, first or as an answer."""
        self.peer = hello
        why = self._admit(hello) or self._clash()
        if why is not None:
            return self._refuse(why)
        answer: list[Greeting] = [self._me] if self.state is State.LISTENING else []
        if isinstance(self._me, ClientHello):
            self.state = State.UP
        elif self._me.name < hello.name:
            self.state, self.session = State.DECIDING, self._me.session
        else:
            self.state, self.session = State.FOLLOWING, hello.session
            answer.append(Accept())
        return answer

    def _stand(self, _: Accept) -> list[Greeting]:
        """The follower is content, or the decider has decided."""
        why = self._clash()
        if why is not None:
            return self._refuse(why)
        answer: list[Greeting] = [Accept()] if self.state is State.DECIDING else []
        self.state = State.UP
        return answer

    def _clash(self) -> str | None:
        """Why two brokers of these names cannot be connected now, whoever they are."""
        me, peer = self._me, self.peer
        if isinstance(me, ClientHello) or not isinstance(peer, BrokerHello):
            return None
        if peer.session == 0:
            raise ProtocolError("BrokerHello: between brokers a session is 1 or more, not 0")
        if peer.preset != me.preset:
            return f"{me.name} routes by {me.preset}, and {peer.name} by {peer.preset}"
        if peer.name == me.name:
            same = peer.incarnation == me.incarnation
            return f"{me.name} has reached {'itself' if same else 'another broker of its name'}"
        up = self._linked(peer.name)
        if up is None or (up == peer.incarnation and peer.name < me.name):
            return None
        other = "" if up == peer.incarnation else "another incarnation of "
        return f"{me.name} is still connected to {other}{peer.name}"

    def _refuse(self, why: str) -> list[Greeting]:
        self.state, self.reason = State.CLOSED, why
        return [Goodbye(why)]

    def _leave(self, goodbye: Goodbye) -> list[Greeting]:
        """The other end closes."""
        self.state, self.reason = State.CLOSED, goodbye.reason
        return []


#: What may be heard when. Everything else is a ProtocolError.
STEPS: Final[dict[tuple[State, type[Any]], Callable[[Handshake, Any], list[Greeting]]]] = {
    (State.LISTENING, ClientHello): Handshake._meet_client,
    (State.LISTENING, BrokerHello): Handshake._meet_broker,
    (State.CALLING, BrokerHello): Handshake._meet_broker,
    (State.DECIDING, Accept): Handshake._stand,
    (State.FOLLOWING, Accept): Handshake._stand,
    (State.LISTENING, Goodbye): Handshake._leave,
    (State.CALLING, Goodbye): Handshake._leave,
    (State.DECIDING, Goodbye): Handshake._leave,
    (State.FOLLOWING, Goodbye): Handshake._leave,
}
