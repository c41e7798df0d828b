"""Certificates and tokens: who is let in, and what is refused before anything starts."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from broker_kit import Raw, in_loop, take, until
from brokers import (
    Bounds,
    Broker,
    BrokerUnreachable,
    ConfigurationError,
    Security,
    client_context,
    connect,
)
from brokers.greetings import BrokerHello, ClientHello, Goodbye
from brokers.security import Credentials, Refusal, Tokens

TOKEN = "0123456789abcdef"
LONG_AGO = datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)


class Files:
    """Two authorities, and what they have signed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authorities = {name: trustme.CA() for name in ("peers", "clients", "others")}
        for name, authority in self.authorities.items():
            authority.cert_pem.write_to_path(folder / f"{name}.pem")
        (folder / "tokens").write_text(f"# who may come in\n\nalice {TOKEN}\n")

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def certificate(self, authority: str, *names: str, expired: bool = False) -> str:
        """A file with key and certificate."""
        path = self.folder / f"{authority}-{'-'.join(names)}-{expired}.pem"
        end = LONG_AGO if expired else None
        made = self.authorities[authority].issue_cert(*names, not_after=end)
        made.private_key_and_cert_chain_pem.write_to_path(path)
        return str(path)

    def broker(self, name: str, **more: Any) -> Broker:
        """A broker with a certificate, that lets in who proves to be somebody."""
        security = {
            "certificate": self.certificate("peers", name, "127.0.0.1"),
            "peer_authority": self.path("peers.pem"),
            "client_authority": self.path("clients.pem"),
            "tokens": self.path("tokens"),
            **more.pop("security", {}),
        }
        return Broker(name, peer_listen="127.0.0.1:0", security=Security(**security), **more)

    def context(self, certificate: str | None = None, authority: str = "peers") -> ssl.SSLContext:
        return client_context(self.path(f"{authority}.pem"), certificate)


@pytest.fixture(name="files", scope="module")
def files_fixture(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("certificates"))


@in_loop
async def test_two_brokers_and_two_clients(files: Files) -> None:
    async with files.broker("a") as a, files.broker("b", peers=[str(a.peer_address)]) as b:
        by_certificate = files.context(files.certificate("clients", "app.example.org"))
        async with (
            connect(str(b.address), ssl=by_certificate, name="app.example.org/1") as wants,
            connect(str(a.address), ssl=files.context(), token=TOKEN, name="alice") as says,
        ):
            subscription = await wants.subscribe("n > 1")
            await says.publish({"n": 1})
            await says.publish({"n": 2})
            assert await take(subscription, 1) == [{"n": 2}]
            assert list(a.status()["links"]) == ["b"]


def refused(files: Files) -> list[tuple[str, dict[str, Any]]]:
    """Clients that are not let in, and a word of the reason, if they may know it."""
    good = files.certificate("clients", "bob")
    return [
        ("none of ours", {"ssl": files.context()}),
        ("none of ours", {"ssl": files.context(), "token": TOKEN + "0"}),
        ("somebody else", {"ssl": files.context(), "token": TOKEN, "name": "bob"}),
        ("somebody else", {"ssl": files.context(), "token": TOKEN, "name": "alicel"}),
        ("somebody else", {"ssl": files.context(good), "name": "alice"}),
        ("127.0.0.1", {"ssl": files.context(files.certificate("others", "alice"))}),
        ("127.0.0.1", {"ssl": files.context(files.certificate("peers", "alice"))}),
        ("127.0.0.1", {"ssl": files.context(files.certificate("clients", "bob", expired=True))}),
        ("127.0.0.1", {"token": TOKEN}),
        ("TLS", {"ssl": files.context(good, authority="others")}),
    ]


@pytest.mark.parametrize("case", range(10))
@in_loop
async def test_clients_that_are_not_let_in(files: Files, case: int) -> None:
    reason, arguments = refused(files)[case]
    async with files.broker("a") as broker:
        with pytest.raises(BrokerUnreachable, match=reason):
            async with connect(str(broker.address), retry=0.1, **arguments):
                raise AssertionError
        assert not broker.status()["clients"]


@in_loop
async def test_the_name_in_the_certificate_of_a_broker_is_checked_by_clients(files: Files) -> None:
    other = {"certificate": files.certificate("peers", "a", "other.example.org")}
    async with files.broker("a", security=other) as broker:
        with pytest.raises(BrokerUnreachable, match="TLS"):
            async with connect(str(broker.address), ssl=files.context(), token=TOKEN):
                raise AssertionError


@pytest.mark.parametrize(
    ("authority", "name", "expired"),
    [
        ("others", "b", False),  # an authority that nobody believes
        ("clients", "b", False),  # a client's certificate, with the name of a broker
        ("peers", "c", False),  # a broker's, but another's
        ("peers", "*.b", False),
        ("peers", "b", True),
        ("", "b", False),
    ],
)
@in_loop
async def test_brokers_that_are_not_let_in(
    files: Files, authority: str, name: str, expired: bool
) -> None:
    async with files.broker("a") as broker:
        context = files.context(
            files.certificate(authority, name, expired=expired) if authority else None
        )
        context.check_hostname = False
        said = await greeting(broker.peer_address, BrokerHello("b", 1, 7), context)
        assert said is None or (isinstance(said, Goodbye) and "certificate" in said.reason)
        assert not broker.status()["links"]


@in_loop
async def test_who_we_dial_is_checked_as_well(files: Files) -> None:
    for wrong in ("clients", "others"):
        certificate = files.certificate(wrong, "a", "127.0.0.1")
        impostor = {"certificate": certificate, "client_authority": files.path("others.pem")}
        if wrong == "others":
            impostor["client_authority"] = files.path("clients.pem")
        async with (
            files.broker("a", security=impostor) as a,
            files.broker("b", peers=[str(a.peer_address)]) as b,
        ):
            await until(lambda: a.counters["cut: no TLS"])
            assert not b.status()["links"]


@in_loop
async def test_each_role_has_its_address(files: Files) -> None:
    async with files.broker("a") as broker:
        context = files.context(files.certificate("clients", "b"))
        said = await greeting(broker.address, BrokerHello("b", 1, 7), context)
        assert isinstance(said, Goodbye)
        assert "for clients" in said.reason
        context = files.context(files.certificate("peers", "b"))
        said = await greeting(broker.peer_address, ClientHello("b"), context)
        assert isinstance(said, Goodbye)
        assert "for brokers" in said.reason


@in_loop
async def test_nothing_older_than_tls_1_3(files: Files) -> None:
    async with files.broker("a") as broker:
        context = ssl.create_default_context(cafile=files.path("peers.pem"))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await Raw.to(broker.address, ssl=context)


@in_loop
async def test_a_handshake_of_tls_that_never_ends(files: Files) -> None:
    async with files.broker("a", bounds=Bounds(handshake_within=0.1)) as broker:
        raw = await Raw.to(broker.address)
        raw.say(b"\x16\x03\x01")
        assert await raw.hear() is None
        await raw.close()
        await until(lambda: not broker._server._strangers)  # type: ignore[union-attr]


@in_loop
async def test_tokens_without_tls_on_loopback(files: Files) -> None:
    security = Security(tokens=files.path("tokens"))
    async with Broker("a", security=security) as broker:
        async with connect(str(broker.address), token=TOKEN, name="alice/x") as client:
            assert client.name == "alice/x"
        with pytest.raises(BrokerUnreachable, match="none of ours"):
            async with connect(str(broker.address)):
                raise AssertionError


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "nobody could connect"),
        ("# nothing\n", "nobody could connect"),
        ("alice\n", ":1: a line is NAME TOKEN"),
        (f"alice {TOKEN}\nbob {TOKEN} x", ":2: a line is NAME TOKEN"),
        ("alice short\n", ":1: a token has at least 16"),
    ],
)
def test_files_of_tokens(tmp_path: Path, text: str, wanted: str) -> None:
    file = tmp_path / "tokens"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=wanted):
        Tokens(file)


def test_whose_a_token_is(files: Files) -> None:
    tokens = Tokens(files.path("tokens"))
    assert tokens.owner(TOKEN) == "alice"
    for wrong in ("", TOKEN[:-1], TOKEN + "x", "ä" * 16, "\ud800"):
        assert tokens.owner(wrong) is None


def test_certificates_that_could_be_used_for_both_roles(files: Files, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_text(
        Path(files.path("clients.pem")).read_text() + Path(files.path("peers.pem")).read_text()
    )
    with pytest.raises(ConfigurationError, match="share a certificate"):
        Credentials(
            Security(
                certificate=files.certificate("peers", "a"),
                peer_authority=files.path("peers.pem"),
                client_authority=str(both),
            )
        )


def test_files_that_cannot_be_used(files: Files, tmp_path: Path) -> None:
    good = files.certificate("peers", "a")
    empty = tmp_path / "empty"
    empty.write_text("")
    for wrong in (
        {"certificate": files.path("nowhere.pem")},
        {"certificate": files.path("peers.pem")},  # without a key
        {"certificate": good, "key": files.certificate("peers", "b")},
        {"certificate": good, "peer_authority": str(empty)},
        {"certificate": good, "client_authority": files.path("nowhere.pem")},
        {"certificate": good, "tokens": str(empty)},
        {"peer_authority": files.path("peers.pem")},
        {"tokens": files.path("nowhere")},
    ):
        with pytest.raises(ConfigurationError):
            Credentials(Security(**wrong))


@pytest.mark.parametrize(
    ("listen", "security", "peers", "fits"),
    [
        ("0.0.0.0:1", {}, [], False),
        ("0.0.0.0:1", {"certificate": "x"}, [], False),
        ("0.0.0.0:1", {"tokens": "x"}, [], False),
        ("0.0.0.0:1", {"certificate": "x", "tokens": "x"}, [], True),
        ("[::]:1", {"certificate": "x", "client_authority": "x"}, [], True),
        ("[::1]:1", {}, ["localhost:2"], True),
        ("127.0.0.1:1", {}, ["example.org:1"], False),
        ("127.0.0.1:1", {"certificate": "x"}, ["127.0.0.1:2"], False),
        ("127.0.0.1:1", {"certificate": "x", "peer_authority": "x"}, ["example.org:1"], True),
    ],
)
def test_what_may_be_seen_from_outside(
    listen: str, security: dict[str, str], peers: list[str], fits: bool
) -> None:
    def make() -> Broker:
        return Broker("a", listen=listen, peers=peers, security=Security(**security))

    if fits:
        make()
    else:
        with pytest.raises(ConfigurationError, match="certificate"):
            make()


def test_the_subject_of_a_certificate_is_nothing() -> None:
    credentials = Credentials(Security())
    credentials.security = Security(certificate="x")
    credentials.for_peers = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = {"subject": ((("commonName", "b"),),), "subjectAltName": (("URI", "b"),)}
    with pytest.raises(Refusal):
        credentials.check_peer("b", certificate, peer_port=True)
    certificate["subjectAltName"] = (("DNS", "x"), ("DNS", "b"))  # type: ignore[assignment]
    credentials.check_peer("b", certificate, peer_port=True)


async def greeting(address: Any, hello: Any, context: ssl.SSLContext) -> Any:
    """What is answered to a hello, or None where the connection ends."""
    context.check_hostname = False
    try:
        raw = await Raw.to(address, ssl=context)
    except OSError:
        return None
    raw.say(hello)
    try:
        return await raw.hear()
    except OSError:
        return None
    finally:
        await raw.close()
