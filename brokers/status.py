"""What a broker says about itself: its state, why an event went where, and whether tables agree."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from brokers.messages import Answer, Ask, Failed
from matchengine import MatchEngineError

if TYPE_CHECKING:
    from brokers.node import Node

__all__ = ["answer", "audit", "route", "status"]

#: Characters of an answer: what fits a frame.
_LONGEST = 16_000_000


def answer(node: Node, ask: Ask) -> Answer | Failed:
    """The answer to a client's question."""
    question = _QUESTIONS.get(ask.what)
    if question is None:
        text = f"ask for {', '.join(_QUESTIONS)}, not {ask.what}"
        return Failed(ask.request, "ValueError", text)
    try:
        arguments = json.loads(ask.arguments or "{}")
        text = json.dumps(question(node, **arguments))
        if len(text) > _LONGEST:
            return Failed(ask.request, "ValueError", f"the answer has {len(text):,} characters")
        return Answer(ask.request, text)
    except (ValueError, TypeError, MatchEngineError, RecursionError) as error:
        return Failed(ask.request, type(error).__name__, str(error))


def status(node: Node) -> dict[str, Any]:
    """Links, tables, reductions, queues and counts, as of now."""
    neighbours = node.neighbours
    reduced = node.subscriptions.reducer.counters
    return {
        "broker": node.name,
        "incarnation": node.incarnation,
        "preset": node.preset,
        "brokers": list(neighbours.topology.brokers),
        "links": {
            name: {
                "seconds": round(node.now - link.since, 3),
                "joined": link.joined,
                "frames_sent": link.next_out - 1,
                "frames_received": link.next_in - 1,
                "events_sent": link.events_out,
                "events_received": link.events_in,
                "exported": len(table.entries)
                if (table := neighbours.entries.exports.get(name))
                else 0,
                "imported": len(neighbours.entries.imports[name].entries),
            }
            for name, link in neighbours.links.items()
        },
        "entries": len(neighbours.entries),
        "subscriptions": node.subscriptions.here,
        "outputs": len(node.subscriptions.reducer.outputs()),
        "covered": reduced.covered,
        "merged": reduced.merged,
        "adverts": {
            broker: list(neighbours.database.records[broker].adverts)
            for broker in neighbours.topology.brokers
        },
        "clients": {
            client.name: {
                "subscriptions": len(client.subscriptions),
                "queued": len(client.subscriber.queue),
                "unconsumed": client.subscriber.under_way,
                "waiting": len(client.publisher.waiting),
                "dropped": dict(client.subscriber.dropped),
            }
            for client in node.clients
        },
        "publishers_wait_for": list(node.flow.full),
        "counters": dict(node.counters),
    }


def route(node: Node, event: Any, source: str | None = None) -> dict[str, Any]:
    """Where an event goes from here, and which filters send it there, since when.

    Each filter comes with the seconds since it is known here.
    `source` is the broker that took it from its publisher; this one, if None.
    """
    neighbours = node.neighbours
    source = source or node.name
    if source not in neighbours.topology:
        raise ValueError(f"there is no broker {source!r} in the overlay")
    body = event if isinstance(event, str | bytes) else json.dumps(event)
    behind: dict[str, list[dict[str, Any]]] = {}
    here: list[dict[str, Any]] = []
    for id in node.matches(body):
        if isinstance(id, tuple):
            entry = neighbours.entries.get(id[1])
            if entry is not None:
                why = {
                    "filter": entry.text,
                    "for": entry.key.origin,
                    "seconds": round(node.now - entry.since, 3),
                }
                behind.setdefault(id[0], []).append(why)
        elif (subscription := node.subscriptions.at(id)) is not None:
            why = {
                "filter": str(subscription.filter),
                "seconds": round(node.now - subscription.since, 3),
            }
            here.append({"client": subscription.address, **why})
    branches = {
        name: neighbours.routes.names(mask) for name, mask in neighbours.routes.branches(source)
    }
    links = {}
    for name in neighbours.links:
        wanted = [why for why in behind.get(name, []) if why["for"] in branches.get(name, ())]
        links[name] = {
            "taken": bool(wanted),
            "why": wanted or _why_not(name, source, branches, behind),
        }
    return {"broker": node.name, "source": source, "here": here, "links": links}


def _why_not(
    name: str, source: str, branches: dict[str, tuple[str, ...]], behind: dict[str, list[Any]]
) -> str:
    if name not in branches:
        return f"the tree of {source} does not lead over this link"
    if name in behind:
        return "who wants it is not beyond this link in the tree of its source"
    return "no filter imported over this link matches"


def audit(node: Node) -> dict[str, Any]:
    """The tables of all links, as numbers of entries and sums of hashes.

    What one end has exported the other has imported, unless a change is under way. `agreed`: so
    many seconds ago the neighbour's export was compared with our import, and was the same.
    """
    entries = node.neighbours.entries
    return {
        "broker": node.name,
        "links": {
            name: {
                "exported": list(entries.exports[name].digest()),
                "imported": list(entries.imports[name].digest()),
                "agreed": None if link.agreed is None else round(node.now - link.agreed, 3),
            }
            for name, link in node.neighbours.links.items()
        },
    }


_QUESTIONS: dict[str, Callable[..., dict[str, Any]]] = {
    "status": status,
    "explain": route,
    "audit": audit,
}
