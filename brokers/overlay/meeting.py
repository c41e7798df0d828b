"""Where subscriptions and events meet: the broker that owns a key.

A key is a value of one attribute of events, `Settings.key`. Its owner is found by rendezvous
hashing (Thaler and Ravishankar 1996): the broker whose name, hashed with the key, is greatest. When
a broker comes or goes, only the keys that it gets or had change hands.

A filter that needs one of certain values meets events at the owners of these values; any other one
has to be at every broker. An event goes to the owners of all its values, or, where it has none, to
the owner of that. While a topology is retained, so are its owners.

Strings are spread over the brokers. All numbers have one owner, as 1 and 1.0 are equal; so have
booleans and null.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

from brokers.overlay.routes import Routes
from matchengine import Filter
from matchengine.covering import values_of

__all__ = ["keys_of_event", "owners", "owners_of_filter", "roots"]


#: Characters of a key that is remembered as it is; of longer ones, a hash.
_LONGEST = 64


def _key(value: object) -> str:
    if not isinstance(value, str):
        return type(value).__name__.replace("float", "int")
    if len(value) <= _LONGEST:
        return f"s{value}"
    return f"h{blake2b(value.encode(), digest_size=16).hexdigest()}"


@lru_cache(maxsize=65_536)
def _owner(brokers: tuple[str, ...], key: str) -> str:
    def weight(broker: str) -> bytes:
        return blake2b(f"{broker}\0{key}".encode(), digest_size=8).digest()

    return max(brokers, key=weight)


def keys_of_event(body: bytes, attribute: str) -> tuple[str, ...]:
    """The keys of an event, which is JSON that has been matched before."""
    found: dict[str, None] = {}
    waiting = [json.loads(body).get(attribute)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif not isinstance(value, dict):
            found[_key(value)] = None
    return tuple(found) or (_key(None),)


def owners(routes: Routes, keys: Iterable[str]) -> int:
    """Mask of the brokers that own one of the keys, now or a moment ago."""
    mask = 0
    for topology in routes.topologies():
        for key in keys:
            mask |= 1 << routes.number(_owner(topology.brokers, key))
    return mask


def owners_of_filter(routes: Routes, filter: Filter, attribute: str) -> int:
    """Mask of the brokers at which a filter meets every event that it may match."""
    values = values_of(filter, attribute)
    return -1 if values is None else owners(routes, dict.fromkeys(map(_key, values)))


def roots(routes: Routes) -> int:
    """Mask of the smallest name, now or a moment ago."""
    return routes.mask(tuple(topology.brokers[0] for topology in routes.topologies()))
