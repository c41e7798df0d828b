"""Who gets what never depends on how interest is reduced, or by which system events are routed."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_net import RING, Net
from brokers.messages import Unsubscribe
from brokers.presets import PRESETS, Preset

EDGES = ["none", "identity", "covering", "merging"]
VARIANTS: dict[str, str | Preset] = {
    **{f"edge {edge}": PRESETS["default"]._replace(edge=edge) for edge in EDGES},
    **{f"link {link}": PRESETS["siena-adv"]._replace(link=link) for link in EDGES},
    **{name: name for name in PRESETS},
}
WHERE = "ABCDE"

numbers = st.integers(0, 6)
filters = st.one_of(
    st.builds("a = {}".format, numbers),
    st.builds("a >= {} AND a < {}".format, numbers, numbers),
    st.builds("a > {} AND key = 'k{}'".format, numbers, st.integers(0, 2)),
    st.builds("key IN ('k{}', 'k{}')".format, st.integers(0, 2), st.integers(0, 2)),
    st.just("TRUE"),
)
events = st.fixed_dictionaries(
    {"a": numbers}, optional={"key": st.builds("k{}".format, st.integers(0, 2))}
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("subscribe"), st.integers(0, 7), filters),
        st.tuples(st.just("unsubscribe"), st.integers(0, 7)),
        st.tuples(st.just("publish"), st.sampled_from(WHERE), events),
    ),
    max_size=25,
)


def history(variant: str | Preset, script: list[tuple]) -> dict[str, list[bytes]]:
    """What each client gets when all comes to rest between the steps."""
    net = Net(RING, preset=variant)
    net.settle()
    clients = [net.client(WHERE[i % 5]) for i in range(4)]
    publishers = {at: net.client(at) for at in WHERE}
    wanted: set[int] = set()
    for request, (what, who, *more) in enumerate(script, 1):
        if what == "subscribe":
            net.subscribe(clients[who % 4], more[0], number=who, request=request)
            wanted.add(who)
        elif what == "unsubscribe" and who in wanted:
            net.say(clients[who % 4], Unsubscribe(request, who))
            wanted.remove(who)
        elif what == "publish":
            net.publish(publishers[who], json.dumps(more[0]).encode())
        net.run()
    return {client: net.got(client) for client in clients}


@settings(max_examples=25, deadline=None)
@given(script=steps)
def test_everybody_gets_the_same_however_it_is_done(script: list[tuple]) -> None:
    expected = history("flooding", script)
    for name, variant in VARIANTS.items():
        assert history(variant, script) == expected, name


@pytest.mark.parametrize("name", VARIANTS)
def test_one_history(name: str) -> None:
    script = [
        ("subscribe", 0, "a >= 0 AND a < 3"),
        ("subscribe", 4, "a >= 3 AND a < 6"),
        ("publish", "C", {"a": 4}),
        ("subscribe", 0, "a = 1"),
        ("unsubscribe", 4),
        ("publish", "D", {"a": 4}),
        ("publish", "D", {"a": 1, "key": "k1"}),
    ]
    got = history(VARIANTS[name], script)
    assert got["#1"] == [b'{"a": 4}', b'{"a": 1, "key": "k1"}']
