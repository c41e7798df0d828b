"""``matchengine broker``, ``pub``, ``sub``, ``status``, ``route`` and ``audit`` as processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import pytest
import trustme

from broker_kit import Process
from brokers import Broker, Settings
from brokers.cli.status import as_lines
from command_kit import Command, command_fixture  # noqa: F401

EVENTS = "".join(f'{{"n": {number}}}\n' for number in range(5)).encode()


@pytest.fixture(name="one")
def one_fixture() -> Iterator[str]:
    """The address of a broker that runs while the test does."""
    with Process("broker", "--name", "a", "--listen", "127.0.0.1:0") as process:
        yield process.says("listening on")
        assert process.stop(signal.SIGTERM) == 0
        assert len(process.complaints) == 1


def test_publish_and_subscribe(one: str, command: Command) -> None:
    with Process("sub", "--broker", one, "n > 2", "--count", "2") as sub:
        sub.says("subscribed")
        with Process("pub", "--broker", one, "-", stdin=subprocess.PIPE) as pub:
            pub.process.communicate(EVENTS.decode())
            assert pub.process.returncode == 0
        assert [sub.line(), sub.line(), sub.line()] == [{"n": 3}, {"n": 4}, None]
        assert sub.wait() == 0


def test_through_three_brokers(command: Command) -> None:
    with ExitStack() as stack:
        ats: list[str] = []
        for name in "abc":
            peers = [word for at in ats[-1:] for word in ("--peer", at)]
            process = stack.enter_context(
                Process("broker", "--name", name, "--listen", "127.0.0.1:0", *peers)
            )
            ats.append(process.says("listening on"))
        sub = stack.enter_context(Process("sub", "--broker", ats[2], "", "--envelope"))
        sub.says("subscribed")
        pub = stack.enter_context(
            Process("pub", "--broker", ats[0], "-", "--name", "feed", stdin=subprocess.PIPE)
        )
        assert pub.process.stdin is not None
        pub.process.stdin.write('\n{"n":\t1}\n{"n": 2')
        pub.process.stdin.flush()
        wanted = {"publisher": "feed", "source": "a"}
        assert sub.line() == {**wanted, "sequence": 1, "event": {"n": 1}}
        # The publisher is still there, so everybody knows what it wants to be known.
        (found,) = command("status", "--broker", ats[1], "--json").out
        assert set(found["links"]) == {"a", "c"}
        (found,) = command("route", "--broker", ats[0], '{"n": 1}', "--json").out
        assert found["links"]["b"]["taken"] is True
        ran = command("audit", *(word for at in ats for word in ("--broker", at)), "--json")
        assert {(link["from"], link["to"], link["verdict"]) for link in ran.out} == {
            (*pair, "agree") for pair in ("ab", "ba", "bc", "cb")
        }
        assert ran.code == 0
        pub.process.stdin.write("}")
        pub.process.stdin.close()
        assert sub.line() == {**wanted, "sequence": 2, "event": {"n": 2}}
        assert pub.wait() == 0
        assert sub.stop(signal.SIGINT) == 0


def test_bad_lines(one: str, command: Command) -> None:
    def publish(text: bytes, *more: str) -> str:
        ran = command("pub", "--broker", one, "-", *more, stdin=text)
        assert ran.code == 1
        return ran.err

    with Process("sub", "--broker", one, "") as sub:
        sub.says("subscribed")
        assert publish(b'{"n": 1}\n\n[2]\n{"n": 3}\n').startswith("<stdin>:3: ")
        assert sub.line() == {"n": 1}
        assert publish(b'{"n": 1}\n[2]\n{"n": 3}', "--skip-bad").startswith("<stdin>:2: ")
        assert [sub.line(), sub.line()] == [{"n": 1}, {"n": 3}]
        said = publish(b'{"n": 1}\n{"n": 5}\n', "--advertise", "n > 3", "--skip-bad")
        assert said.startswith("<stdin>:1: no advert")
        assert sub.line() == {"n": 5}


def test_rates(one: str, command: Command) -> None:
    with Process("pub", "--broker", one, "-", stdin=subprocess.PIPE) as pub:
        feed = threading.Thread(target=feed_for_ever, args=[pub.process.stdin])
        feed.start()
        published = None
        while not published:  # it may not have begun
            (found,) = command("status", "--broker", one, "--json", "--over", "0.05").out
            published = found["rates"].get("counters.published")
        assert published > 0
        pub.process.kill()
        feed.join()


def feed_for_ever(stream: IO[str]) -> None:
    with contextlib.suppress(OSError):
        while True:
            stream.write("{}\n" * 1_000)


def test_status_for_people() -> None:
    answer = {
        "broker": "a",
        "links": {"b": {"joined": True}},
        "clients": {},
        "why": [{"filter": "n > 1", "for": "b"}],
        "brokers": ["a", "b"],
    }
    assert list(as_lines(answer)) == [
        "broker: a",
        "links:",
        "  b:",
        "    joined: True",
        "clients: none",
        "why:",
        "  - filter: n > 1, for: b",
        "brokers: a, b",
    ]


def test_a_closed_pipe_ends_a_subscriber_well(one: str, command: Command) -> None:
    reads, writes = os.pipe()
    with Process("sub", "--broker", one, "", stdout=writes) as sub:
        os.close(writes)
        sub.says("subscribed")
        os.close(reads)
        assert command("pub", "--broker", one, "-", stdin=EVENTS).code == 0
        assert sub.wait() == 0


def test_an_interrupted_publisher_has_not_succeeded(one: str, command: Command) -> None:
    with Process("sub", "--broker", one, "") as sub:
        sub.says("subscribed")
        with Process("pub", "--broker", one, "-", stdin=subprocess.PIPE) as pub:
            assert pub.process.stdin is not None
            pub.process.stdin.write('{"n": 1}\n{"n"')
            pub.process.stdin.flush()
            assert sub.line() == {"n": 1}
            assert pub.stop(signal.SIGTERM) == 130


def test_an_interrupted_publisher_says_what_nobody_knows() -> None:
    async def main() -> None:
        alone = Broker("a", peers=["127.0.0.1:9"], settings=Settings(patience=60))
        async with alone as broker:  # it waits for its peer before it takes anything
            with Process("pub", "--broker", str(broker.address), "-", stdin=subprocess.PIPE) as pub:
                assert pub.process.stdin is not None
                pub.process.stdin.write('{"n": 1}\n')
                pub.process.stdin.flush()
                while not any(one["waiting"] for one in broker.status()["clients"].values()):
                    await asyncio.sleep(0.01)
                assert await asyncio.to_thread(pub.stop, signal.SIGTERM) == 130
                assert "1 of the events may or may not have been taken" in pub.complaints[-1]

    asyncio.run(main())


def test_a_store_survives_a_kill(tmp_path: Path, command: Command) -> None:
    def broker(listen: str) -> Process:
        return Process(
            "broker", "--name", "a", "--listen", listen, "--store", str(tmp_path / "a.db")
        )

    with broker("127.0.0.1:0") as first:
        at = first.says("listening on")
        with Process("sub", "--broker", at, "n > 3", "--name", "app", "--count", "1") as sub:
            sub.says("subscribed")
            assert first.stop(signal.SIGKILL) != 0
            with broker(at) as second:
                second.says("listening on")
                while sub.process.poll() is None:  # it comes back by itself
                    assert command("pub", "--broker", at, "-", stdin=EVENTS).code == 0
                assert [sub.line(), sub.line()] == [{"n": 4}, None]
                assert sub.wait() == 0


def test_a_name_has_one_subscription(one: str, command: Command) -> None:
    for filter in ("n > 1", "n > 2"):
        with Process("sub", "--broker", one, filter, "--name", "app") as sub:
            sub.says("subscribed")
            assert sub.stop(signal.SIGTERM) == 0
    with Process("sub", "--broker", one, "n > 2", "--name", "app") as sub:
        sub.says("subscribed")
        (found,) = command("status", "--broker", one, "--json").out
        assert found["clients"]["app"]["subscriptions"] == 1


def test_a_port_in_use(command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        at = f"127.0.0.1:{other.getsockname()[1]}"
        ran = command("broker", "--name", "a", "--listen", at)
        assert (ran.code, ran.err) == (1, f"matchengine: {at}: Address already in use\n")


def test_a_bad_store(tmp_path: Path, command: Command) -> None:
    file = tmp_path / "a.db"
    file.write_text("this is no database, and long enough to be sure of that" * 20)
    ran = command("broker", "--name", "a", "--listen", "127.0.0.1:0", "--store", str(file))
    assert (ran.code, ran.err) == (1, f"matchengine: {file}: not a SQLite database\n")


def test_a_configuration_file(tmp_path: Path, command: Command) -> None:
    file = tmp_path / "a.toml"
    file.write_text('name = "a"\nlisten = "127.0.0.1:0"\nstore = "a.db"\n')
    with Process("broker", "--config", str(file), "--name", "b") as process:
        at = process.says("listening on")
        assert command("status", "--broker", at, "--json").out[0]["broker"] == "b"
        assert process.stop(signal.SIGINT) == 0
    assert (tmp_path / "a.db").exists()
    file.write_text('name = "a"\n\n[settings]\nwindow = "wide"\n')
    ran = command("broker", "--config", str(file))
    wanted = (
        f"matchengine: {file}:4: window is an integer above 0, below 2,147,483,648, not 'wide'\n"
    )
    assert (ran.code, ran.err) == (1, wanted)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["broker", "--listen", "127.0.0.1:0"], 2, "--name is missing"),
        (["broker", "--name", "a", "--listen", "nowhere"], 2, "not HOST:PORT"),
        (["broker", "--name", "a", "--listen", "0.0.0.0:0"], 1, "other machines"),
        (["broker", "--name", "#", "--listen", "127.0.0.1:0"], 1, "begin with '#'"),
        (["sub", ""], 2, "--broker"),
        (["sub", "--broker", "127.0.0.1:1", "", "--count", "0"], 2, "a whole number above 0"),
        (["status", "--broker", "127.0.0.1:1", "--over", "nan"], 2, "fewer than a day"),
        (["broker", "--name", "a", "--listen", "127.0.0.1:0", "--store", ""], 1, "store is a file"),
        (["sub", "--broker", "192.0.2.1:1", "", "--key", "k.pem"], 1, "--authority"),
        (["pub", "--broker", "127.0.0.1:1", "nowhere.jsonl"], 1, "nowhere.jsonl"),
        (["route", "--broker", "127.0.0.1:1", "{"], 1, "EVENT"),
    ],
)
def test_wrong_usage(
    arguments: list[str],
    code: int,
    said: str,
    command: Command,
    capfd: pytest.CaptureFixture[str],
) -> None:
    if code == 2:
        with pytest.raises(SystemExit, match="2"):
            command(*arguments)
        assert said in capfd.readouterr().err
    else:
        ran = command(*arguments)
        assert ran.code == code
        assert said in ran.err


def test_a_bad_filter(one: str, command: Command) -> None:
    ran = command("sub", "--broker", one, "n <")
    assert ran.code == 1
    assert "n <" in ran.err


def test_nobody_there(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brokers.cli.common.RETRY", 0.1)
    ran = command("status", "--broker", "127.0.0.1:9")
    assert ran.code == 1
    assert ran.err == "matchengine: no broker at 127.0.0.1:9: Connection refused\n"


def test_a_route_from_nowhere(one: str, command: Command) -> None:
    ran = command("route", "--broker", one, "{}", "--source", "zz")
    assert ran.code == 1
    assert ran.err == "matchengine: there is no broker 'zz' in the overlay\n"


def test_certificates_and_tokens(tmp_path: Path, command: Command) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    made = authority.issue_cert("a", "127.0.0.1")
    made.private_key_and_cert_chain_pem.write_to_path(tmp_path / "a.pem")
    (tmp_path / "tokens").write_text("feed 0123456789abcdef\n")
    (tmp_path / "token").write_text("0123456789abcdef\n")
    proofs = ["--certificate", str(tmp_path / "a.pem"), "--tokens", str(tmp_path / "tokens")]
    ours = ["--authority", str(tmp_path / "ca.pem"), "--token-file", str(tmp_path / "token")]
    with Process("broker", "--name", "a", "--listen", "0.0.0.0:0", *proofs) as process:
        at = process.says("listening on").replace("0.0.0.0", "127.0.0.1")
        ran = command("pub", "--broker", at, "-", "--name", "feed", *ours, stdin=EVENTS)
        assert (ran.code, ran.err) == (0, "")
        ran = command("pub", "--broker", at, "-", "--name", "other", *ours, stdin=EVENTS)
        assert ran.code == 1
        assert "belongs to somebody else" in ran.err
        ran = command("status", "--broker", at, *ours[:2])
        assert ran.code == 1
        assert process.stop(signal.SIGTERM) == 0
        assert "0123456789abcdef" not in "".join(process.complaints)
