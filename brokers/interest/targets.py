"""Whom must an entry reach? The part of the interest plane that tells presets apart.

An entry travels from its origin down the tree of its origin, into every branch with a target in it.
A target is a broker that may have to decide about an event that the entry wants:

    nowhere      nobody: events go everywhere
    everywhere   every broker
    guided       brokers that may publish such events, by their adverts
    root         the smallest name
    owners       brokers at which entries and events with a common key meet
"""

from __future__ import annotations

from collections.abc import Callable

from brokers.interest.adverts import Adverts
from brokers.overlay.meeting import owners_of_filter, roots
from brokers.overlay.routes import Routes
from matchengine import Filter

__all__ = ["TARGETS", "Targets"]

#: Mask of the brokers that an entry with this filter must reach.
Targets = Callable[[Filter], int]


def _nowhere(routes: Routes, adverts: Adverts, key: str) -> Targets:
    return lambda filter: 0


def _everywhere(routes: Routes, adverts: Adverts, key: str) -> Targets:
    return lambda filter: -1


def _guided(routes: Routes, adverts: Adverts, key: str) -> Targets:
    return adverts.sources


def _root(routes: Routes, adverts: Adverts, key: str) -> Targets:
    return lambda filter: roots(routes)


def _owners(routes: Routes, adverts: Adverts, key: str) -> Targets:
    return lambda filter: owners_of_filter(routes, filter, key)


TARGETS: dict[str, Callable[[Routes, Adverts, str], Targets]] = {
    "nowhere": _nowhere,
    "everywhere": _everywhere,
    "guided": _guided,
    "root": _root,
    "owners": _owners,
}
