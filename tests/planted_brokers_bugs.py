"""The bugs that `planted_brokers.py` plants: one change of one file each.

They are mistakes that somebody may make: an order turned round, a case forgotten, a bound off by
one, something kept for too short a time.
"""

from __future__ import annotations

from typing import NamedTuple

#: Preset, and the faults as `matchengine sim --faults` takes them.
Setting = tuple[str, str]

#: Faults that may hold events up, but must not lose any.
GENTLE = "duplication,delay,join,skew,add-link,storm,slow"

DEFAULT: tuple[Setting, ...] = (("default", "all"), ("default", GENTLE), ("default", "none"))
JOINING: tuple[Setting, ...] = (("default", "all"), ("default", "join,add-link,delay,duplication"))
SLOW: tuple[Setting, ...] = (("default", "slow"), ("default", "slow,restart"))
MEDYM: tuple[Setting, ...] = (("medym", "all"), ("medym", GENTLE), ("medym", "none"))


class Bug(NamedTuple):
    """One change, and how brokers are simulated that should suffer from it."""

    name: str
    file: str
    old: str
    new: str
    settings: tuple[Setting, ...] = DEFAULT


ENTRIES = "brokers/interest/entries.py"
TABLES = "brokers/interest/tables.py"
SETTLING = "brokers/interest/settling.py"
ADVERTS = "brokers/interest/adverts.py"
SUBSCRIPTIONS = "brokers/subscriptions.py"
PUBLICATIONS = "brokers/publications.py"
NEIGHBOURS = "brokers/neighbours.py"
LINK = "brokers/link.py"
NODE = "brokers/node.py"
CLIENTS = "brokers/clients.py"
SUBSCRIBER = "brokers/subscriber.py"
ROUTES = "brokers/overlay/routes.py"
TOPOLOGY = "brokers/overlay/topology.py"
DATABASE = "brokers/overlay/database.py"
MEETING = "brokers/overlay/meeting.py"
DUPLICATES = "brokers/events/duplicates.py"
FLOW = "brokers/events/flow.py"
PLANES = "brokers/events/planes.py"
FOREST = "brokers/reduce/forest.py"
MERGING = "brokers/reduce/merging.py"
BLOCKS = "brokers/reduce/blocks.py"
CONDITIONS = "brokers/reduce/conditions.py"

BUGS = [
    # ---- reducing
    Bug(
        "what an uncovering adds is not passed on",
        SUBSCRIPTIONS,
        "for number, filter in change.added:",
        "for number, filter in change.added[: len(change.added) - len(change.dropped)]:",
    ),
    Bug(
        "an output that is replaced stays in the tables",
        SUBSCRIPTIONS,
        "for number in change.dropped:",
        "for number in change.dropped[1:]:",
    ),
    Bug(
        "covered filters are only looked for among the first roots",
        FOREST,
        "self._uncover(list(node.below.values()))",
        "self._uncover(list(node.below.values())[:1])",
    ),
    Bug(
        "a merge is not undone when a part goes",
        BLOCKS,
        "            loose.extend(self._made_anew(whole))\n",
        "            loose.extend(self._made_anew(whole) if len(whole.parts) < 2 else\n"
        "                         [Block(next(self._numbers), whole.filter)])\n",
    ),
    Bug(
        "a merge of two ranges leaves out the second",
        CONDITIONS,
        "    united = _conditions.unite(one, other)\n",
        "    united = _conditions.unite(one, other)\n"
        "    if united and one.span and other.span:\n        united = one\n",
    ),
    Bug(
        "a list of values loses its last one in a merge",
        CONDITIONS,
        "    return Condition(path, tuple(ordered), None)\n",
        "    return Condition(path, tuple(ordered[: max(2, len(ordered) - 1)]), None)\n",
    ),
    Bug(
        "a filter that covers another one is taken for covered by it",
        FOREST,
        "above = self._index.covering(node.filter)\n",
        "above = self._index.covering(node.filter) or list(self._index.covered_by(node.filter))\n",
    ),
    Bug(
        "an output that is merged again keeps its number and gets another filter",
        MERGING,
        "number = before.pop(block.filter, None)",
        "number = before.popitem()[1] if before else None",
    ),
    # ---- tables
    Bug(
        "entries are dropped before those that stand in for them are added",
        TABLES,
        "        if self._added:\n            for piece in _pieces(self._added):\n"
        "                yield Change(piece, ())\n"
        "        if self._dropped:\n            keys = list(self._dropped)\n"
        "            for gone in parts(keys, [_KEY] * len(keys)):\n"
        "                yield Change((), gone)\n",
        "        if self._dropped:\n            keys = list(self._dropped)\n"
        "            for gone in parts(keys, [_KEY] * len(keys)):\n"
        "                yield Change((), gone)\n"
        "        if self._added:\n            for piece in _pieces(self._added):\n"
        "                yield Change(piece, ())\n",
    ),
    Bug(
        "tables are not compared when a link is up again",
        NEIGHBOURS,
        "if self.entries.imports[link.neighbour].digest() == message:",
        "if True:",
    ),
    Bug(
        "the digest counts entries and does not look at them",
        TABLES,
        "return Digest(len(self.entries), self._value)",
        "return Digest(len(self.entries), 0)",
    ),
    Bug(
        "what was not acknowledged is not said again on a new link",
        TABLES,
        "self._added = {key: self.entries[key] for key in self._unacked}",
        "self._added = {}",
    ),
    Bug(
        "a whole table does not replace what was there",
        ENTRIES,
        "for key in [key for key in table.entries if key not in whole]:",
        "for key in ():",
    ),
    Bug(
        "an entry that nobody holds stays",
        ENTRIES,
        "        if not entry.holders:\n            del self._entries[key]\n",
        "        if not entry.holders and key.number % 5:\n            del self._entries[key]\n",
    ),
    Bug(
        "what a lost link had brought is never forgotten",
        NEIGHBOURS,
        "                self.entries.forget(neighbour)\n",
        "",
    ),
    Bug(
        "an entry is exported into its first branch only",
        ENTRIES,
        "for branch in self._routes.branches(entry.key.origin)\n",
        "for branch in self._routes.branches(entry.key.origin)[:1]\n",
    ),
    Bug(
        "an entry is exported only where the next broker is a target",
        ENTRIES,
        "if branch.below & entry.targets\n",
        "if 1 << self._routes.number(branch.neighbour) & entry.targets\n",
    ),
    Bug(
        "an entry that a neighbour gives up is given up for all",
        ENTRIES,
        "        del entry.holders[holder]\n",
        "        entry.holders.clear()\n",
    ),
    Bug(
        "entries keep to old trees when trees change",
        ENTRIES,
        "            if self._rerouted.get(origin) != branches:\n",
        "            if origin not in self._rerouted:\n",
    ),
    # ---- acknowledging and settling
    Bug(
        "an entry is acknowledged before it is in place further on",
        ENTRIES,
        "if export.up and neighbour in children and not export.settled(entry.key):",
        "if False:",
    ),
    Bug(
        "a subscription is acknowledged while its broker joins",
        NODE,
        "        if self._joined:\n            for subscription",
        "        if True:\n            for subscription",
    ),
    Bug(
        "what had settled among fewer brokers is not looked at again",
        NODE,
        "            self.subscriptions.wait_again()\n",
        "",
        JOINING,
    ),
    Bug(
        "a link counts before its ends know the same records",
        NEIGHBOURS,
        "link.joined or (link.synced and link.neighbour in around)",
        "link.joined or link.neighbour in around",
        JOINING,
    ),
    Bug(
        "a publication is taken before its advert is settled",
        PUBLICATIONS,
        "if client.publisher.generation <= settled:",
        "if True:",
    ),
    Bug(
        "an advert counts as settled without an answer of the children",
        SETTLING,
        "            generation = min(generation, reported)\n",
        "",
    ),
    Bug(
        "an advert is reported as settled before tables are sent",
        NEIGHBOURS,
        "        for neighbour, message in self.entries.flush():\n"
        "            self.say(neighbour, message, now)\n"
        "        if self._unreported:\n"
        "            origins, self._unreported = self._unreported, {}\n"
        "            for parent, settled in self.settling.advance(origins, joined=joined):\n"
        "                self.say(parent, settled, now)\n",
        "        if self._unreported:\n"
        "            origins, self._unreported = self._unreported, {}\n"
        "            for parent, settled in self.settling.advance(origins, joined=joined):\n"
        "                self.say(parent, settled, now)\n"
        "        for neighbour, message in self.entries.flush():\n"
        "            self.say(neighbour, message, now)\n",
    ),
    Bug(
        "a new link is not told what is settled",
        SETTLING,
        "            del self._told[origin]\n",
        "            pass\n",
    ),
    Bug(
        "a replaced filter is given up before the new one is in place",
        SUBSCRIPTIONS,
        "        superseded = subscription.next\n",
        "        superseded = subscription.next\n"
        "        self._entries.release(HERE, self._key(subscription.member))\n",
    ),
    Bug(
        "an ended subscription leaves its entry",
        SUBSCRIPTIONS,
        "        self.here -= 1\n        self._unwant(subscription.member, now)\n",
        "        self.here -= 1\n",
    ),
    Bug(
        "a filter that was to replace another stays when the subscription ends",
        SUBSCRIPTIONS,
        "        if subscription.next is not None:\n            self._unwant(",
        "        if False:\n            self._unwant(",
    ),
    Bug(
        "the end of a subscription is not saved",
        CLIENTS,
        "            self.effects.append(Save(client.name, message.subscription, None))\n",
        "",
    ),
    Bug(
        "a replaced filter is not saved",
        CLIENTS,
        "if saved.get(subscription.number) != text:",
        "if subscription.number not in saved:",
    ),
    # ---- adverts
    Bug(
        "a new advert does not attract what is wanted of it",
        NEIGHBOURS,
        "if known or any(promises(advert, entry.filter) for advert in new):",
        "if known:",
    ),
    Bug(
        "an advert that is taken back takes others with it",
        NEIGHBOURS,
        "if entry.targets & bit and not self.adverts.may_publish(source, entry.filter):",
        "if entry.targets & bit:",
    ),
    Bug(
        "adverts are taken back at once",
        ADVERTS,
        "gone = [name for name, since in self._going.items() if since + self._retain <= now]",
        "gone = list(self._going)",
        JOINING,
    ),
    Bug(
        "what is not advertised is taken",
        PUBLICATIONS,
        "return None if refusal is None else NotAdvertised(refusal)",
        "return None",
    ),
    # ---- overlay
    Bug(
        "old trees are not kept",
        ROUTES,
        "[view for view in self._views if view[1] is not topology][-_MOST:]",
        "[]",
    ),
    Bug(
        "paths are not the same both ways",
        TOPOLOGY,
        '"\\0".join(sorted((a, b)))',
        '"\\0".join((a, b))',
    ),
    Bug(
        "versions of records are compared without their incarnations",
        DATABASE,
        "record[1:3] <= known[1:3]",
        "record[2] <= known[2]",
    ),
    Bug(
        "records of old incarnations are news",
        DATABASE,
        "record[1:3] <= known[1:3]",
        "record[1:3] == known[1:3]",
    ),
    Bug(
        "records are not compared when a link is up again",
        NEIGHBOURS,
        "for record in self.database.lacking(message):",
        "for record in ():",
    ),
    Bug(
        "a link counts though only one end names it",
        DATABASE,
        "if other in records and name in records[other].neighbours:",
        "if other in records:",
        (("default", "all"), ("default", "asymmetric,restart,storm")),
    ),
    Bug(
        "frames of an earlier connection are taken for those of this one",
        LINK,
        "if frame.session != self.session:",
        "if False:",
    ),
    Bug(
        "missing frames are not noticed",
        NEIGHBOURS,
        "        if gap > 0:\n",
        "        if False:\n",
    ),
    Bug(
        "a frame that comes twice is taken twice",
        NEIGHBOURS,
        "        if link is None or gap < 0:\n",
        "        if link is None:\n",
        (("default", "all"), ("default", "loss,duplication,storm")),
    ),
    Bug(
        "a silent link is never given up",
        NEIGHBOURS,
        "if link.heard_at + self._settings.dead_after <= now:",
        "if False:",
    ),
    # ---- events
    Bug(
        "duplicates are not recognised",
        DUPLICATES,
        "if source.seen >> -ahead & 1:",
        "if False:",
        JOINING,
    ),
    Bug(
        "the window of duplicates has one place",
        DUPLICATES,
        "        self._width = width\n        self._mask = (1 << width) - 1\n",
        "        self._width = width = 1\n        self._mask = (1 << width) - 1\n",
        JOINING,
    ),
    Bug(
        "the window of duplicates forgets what it has moved past",
        DUPLICATES,
        "((source.seen << ahead) | 1)",
        "((source.seen << (ahead - 1)) | 1)",
        JOINING,
    ),
    Bug(
        "sequence numbers of a new incarnation are those of the old one",
        DUPLICATES,
        "if source is None or source.incarnation < event.incarnation:",
        "if source is None:",
    ),
    Bug(
        "late events are delivered",
        CLIENTS,
        "if not self._order.follows(event):",
        "if False:",
    ),
    Bug(
        "events come back over the link from which they came",
        PLANES,
        "if below & mask and neighbour != sender:",
        "if below & mask:",
        JOINING,
    ),
    Bug(
        "an event follows no branch but the first that wants it",
        PLANES,
        "                self._send(neighbour, event)\n\n    def _send",
        "                return self._send(neighbour, event)\n\n    def _send",
    ),
    Bug(
        "an event that names brokers is sent twice to some",
        PLANES,
        "            mask &= ~there\n",
        "            mask &= ~there if len(self.routes.ways()) < 3 else -1\n",
        settings=MEDYM,
    ),
    # ---- flow
    Bug(
        "a client gets one event more than its window holds",
        SUBSCRIBER,
        "if not self.queue and self._sent - self._consumed < self.limit:",
        "if not self.queue and self._sent - self._consumed <= self.limit:",
    ),
    Bug(
        "the oldest event is dropped without being counted",
        SUBSCRIBER,
        '                self.dropped["queue full: oldest dropped"] += 1\n',
        "",
    ),
    Bug(
        "an event overtakes those that wait in a queue",
        SUBSCRIBER,
        "if not self.queue and self._sent - self._consumed < self.limit:",
        "if self._sent - self._consumed < self.limit or len(self.queue) > 1:",
    ),
    Bug(
        "sources are not held though a client's queue is long",
        CLIENTS,
        "                self._flow.hold(delivery.event, client.address)\n",
        "                pass\n",
        SLOW,
    ),
    Bug(
        "a source is held by a client that has gone",
        CLIENTS,
        "        self._flow.release(client.address)\n        self.left(client)\n",
        "        self.left(client)\n",
        SLOW,
    ),
    Bug(
        "a source waits for a broker that has gone",
        NEIGHBOURS,
        "                self._gone(broker)\n",
        "                pass\n",
    ),
    Bug(
        "a stopped source does not ask what was lost",
        FLOW,
        "        for name in self._full:\n",
        "        for name in ():\n",
    ),
    Bug(
        "credits for others are not passed on",
        NODE,
        "            self.neighbours.towards(credit.source, credit, self.now)\n",
        "            pass\n",
    ),
    Bug(
        "publishers are not told to wait",
        FLOW,
        "                self._full[name] = None\n",
        "                pass\n",
    ),
    # ---- other presets
    Bug(
        "filters and events with a key meet at different brokers",
        MEETING,
        "owners(routes, dict.fromkeys(map(_key, values)))",
        "owners(routes, dict.fromkeys(map(repr, values)))",
        settings=(("rendezvous", "all"), ("rendezvous", "none")),
    ),
    Bug(
        "the old root is not served while trees change",
        MEETING,
        "for topology in routes.topologies()))",
        "for topology in routes.topologies()[-1:]))",
        settings=(("central", GENTLE), ("central", "all"), ("siena-hierarchical", "all")),
    ),
    Bug(
        "a reduced export acknowledges one of the entries it stands for",
        TABLES,
        "[key] if self.reducer is None else self.reducer.members_of(key.number)",
        "[key] if self.reducer is None else list(self.reducer.members_of(key.number))[:1]",
        settings=(("siena-adv", "none"), ("siena-adv", "all")),
    ),
]
