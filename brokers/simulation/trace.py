"""What was handed to nodes, in order: its hash, and on demand the story of one event.

The hash is over the bytes of `marshal`, version 2: plain tuples of numbers and text have the same
bytes in every Python, and making them costs less than half a microsecond a frame.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Final

from brokers.messages import Addressed, Events, Frame, Publish

__all__ = ["Trace"]

#: So many messages are hashed at once.
CHUNK: Final = 512
#: A story that is longer says nothing more.
LONGEST_STORY: Final = 200


def _plain(value: Any) -> Any:
    """The same with plain tuples for named ones."""
    if value is None:
        return None
    return tuple([_plain(one) if isinstance(one, tuple) else one for one in value])


def _ignore(_: bytes, __: str, ___: str, ____: tuple[int, int] | None) -> None:
    pass


#: Time, to whom, from whom, what.
Observer = Callable[[float, str, str, Any], None]


class Trace:
    """Takes note of each message handed to a node, and of each tick."""

    def __init__(self, watched: bytes | None = None) -> None:
        """`watched` is the body of the event whose story is wanted."""
        #: Is told the body of each event that has come over a link, from whom and to whom, and the
        #: session and number of its frame if the event does not say itself where it is to go.
        self.crossed: Callable[[bytes, str, str, tuple[int, int] | None], None] = _ignore
        self._hash = blake2b(digest_size=16)
        self._chunk: list[tuple[Any, ...]] = []
        self._watched = watched
        self.story: list[str] = []
        #: Is shown everything that is noted.
        self.observer: Observer | None = self._watch if watched is not None else None

    def note(self, now: float, to: str, sender: str, message: Any) -> None:
        """A message was handed over. `message` is None for a tick."""
        kind = type(message)
        if kind is Frame:
            session, number, inner = message
            kind = type(inner)
            if kind is Events:  # what is said most often needs no search for named tuples
                plain = [*map(tuple, inner[0])]
                for event in inner[0]:
                    self.crossed(event[4], sender, to, (session, number))
            else:
                plain = _plain(inner)
                if kind is Addressed:
                    self.crossed(inner.event.body, sender, to, None)
            self._chunk.append((now, to, sender, session, number, kind.__name__, plain))
        else:
            self._chunk.append((now, to, sender, kind.__name__, _plain(message)))
        if len(self._chunk) >= CHUNK:
            self._flush()
        if self.observer is not None:
            self.observer(now, to, sender, message)

    def _flush(self) -> None:
        self._hash.update(marshal.dumps(self._chunk, 2))
        self._chunk.clear()

    def digest(self) -> str:
        """The hash of all that was noted."""
        self._flush()
        return self._hash.hexdigest()

    def tell(self, now: float, what: str) -> None:
        """Add a line to the story, if one is wanted."""
        if self._watched is not None and len(self.story) < LONGEST_STORY:
            self.story.append(f"{now:10.4f}  {what}")

    def _watch(self, now: float, to: str, sender: str, message: Any) -> None:
        inner = message[2] if type(message) is Frame else message
        if isinstance(inner, Events):
            carries = any(event.body == self._watched for event in inner.batch)
        elif isinstance(inner, Addressed):
            carries = inner.event.body == self._watched
        else:
            carries = isinstance(inner, Publish) and self._watched in inner.bodies
        if carries:
            self.tell(now, f"{sender} -> {to}  {type(inner).__name__}")
