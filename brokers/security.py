"""Who may say what: certificates, authorities and tokens.

Brokers are trusted by one another: who speaks as a broker may claim any interest and forge any
event. So the two roles share nothing by which one could pass for the other:

             listens on     proves who it is by
    broker   peer_listen    a certificate that `peer_authority` signed, whose subjectAltName has
                            the broker's name as a DNS name; both ends ask for one
    client   listen         a certificate that `client_authority` signed, or a token

A client's certificate does not even complete the TLS handshake where brokers call, and no greeting
makes a broker of who called where clients call. An authority that signs for both roles would undo
this, so the two files must not share a certificate.

Without certificates a broker listens on loopback only: there, who may open a connection is trusted
anyway. Any mistake in a file ends the start-up; an empty file of tokens lets nobody in, and is one.
"""

from __future__ import annotations

import hmac
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brokers.addresses import Address, is_loopback
from brokers.errors import ConfigurationError, ProtocolError

__all__ = [
    "Credentials",
    "Refusal",
    "Security",
    "Tokens",
    "check_exposure",
    "client_context",
    "dns_names",
]

SHORTEST_TOKEN = 16

Certificate = Mapping[str, Any]  #: what `ssl.SSLSocket.getpeercert()` says


class Refusal(ProtocolError):
    """Who called is not who may call. Says no more than the caller may know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """Files in PEM that prove who we are, and say whom we believe."""

    certificate: str | None = None  #: ours, with the chain below the authority
    key: str | None = None  #: of the certificate, if it is in a file of its own
    peer_authority: str | None = None  #: signs certificates of brokers
    client_authority: str | None = None  #: signs certificates of clients
    tokens: str | None = None  #: lines "NAME TOKEN"; a client needs one of them, or a certificate

    @property
    def encrypted(self) -> bool:
        """Is there TLS at all?"""
        return self.certificate is not None

    @property
    def admits_clients_by_proof(self) -> bool:
        """Must a client prove who it is?"""
        return self.client_authority is not None or self.tokens is not None


def check_exposure(security: Security, listen: Address, peers: Iterable[Address]) -> None:
    """Refuse to talk to other machines without TLS, or with clients that prove nothing.

    Raises `ConfigurationError`, which says what to do.
    """
    if not is_loopback(listen.host) and not (
        security.encrypted and security.admits_clients_by_proof
    ):
        raise ConfigurationError(
            f"{listen} can be reached from other machines: give a certificate and a "
            f"client_authority or tokens, or listen on 127.0.0.1"
        )
    for peer in peers:
        if security.peer_authority is None and (security.encrypted or not is_loopback(peer.host)):
            raise ConfigurationError(
                f"peer {peer}: a certificate and a peer_authority are needed to know it by"
            )


class Tokens:
    """Secrets of clients: lines "NAME TOKEN", blank lines and those that begin with # apart."""

    def __init__(self, path: str | Path) -> None:
        """Read the file. Raises `ConfigurationError` for anything that is not such a line."""
        self._secrets: list[tuple[str, bytes]] = []
        for number, line in enumerate(_read(path).splitlines(), 1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if len(words) != 2:
                raise ConfigurationError(f"{path}:{number}: a line is NAME TOKEN")
            if len(words[1]) < SHORTEST_TOKEN:
                raise ConfigurationError(
                    f"{path}:{number}: a token has at least {SHORTEST_TOKEN} characters"
                )
            self._secrets.append((words[0], words[1].encode()))
        if not self._secrets:
            raise ConfigurationError(f"{path}: there is no token in it, so nobody could connect")

    def owner(self, token: str) -> str | None:
        """Whose token is it? Takes as long for a wrong one as for a right one."""
        said = token.encode("utf-8", "surrogatepass")
        owner = None
        for name, secret in self._secrets:
            if hmac.compare_digest(secret, said):
                owner = name
        return owner


class Credentials:
    """The files of a `Security`, read and checked once, and the questions put to them."""

    def __init__(self, security: Security) -> None:
        """Read all files. Raises `ConfigurationError`."""
        self.security = security
        self.tokens = Tokens(security.tokens) if security.tokens else None
        #: TLS where clients call, where brokers call, and where we call a broker; None: without.
        self.for_clients: ssl.SSLContext | None = None
        self.for_peers: ssl.SSLContext | None = None
        self.to_peers: ssl.SSLContext | None = None
        if security.certificate is None:
            for name in ("key", "peer_authority", "client_authority"):
                if getattr(security, name):
                    raise ConfigurationError(f"{name} without a certificate of our own")
            return
        self.for_clients = _context(security, ssl.PROTOCOL_TLS_SERVER, security.client_authority)
        if security.client_authority and self.tokens:
            self.for_clients.verify_mode = ssl.CERT_OPTIONAL
        if security.peer_authority:
            self.for_peers = _context(security, ssl.PROTOCOL_TLS_SERVER, security.peer_authority)
            # Names are compared when the other end has said its own: an address is no identity.
            self.to_peers = _context(security, ssl.PROTOCOL_TLS_CLIENT, security.peer_authority)
            self.to_peers.check_hostname = False
            self.to_peers.verify_mode = ssl.CERT_REQUIRED
            _check_apart(self.for_clients, self.for_peers)

    def check_peer(self, name: str, certificate: Certificate | None, peer_port: bool) -> None:
        """May who holds this certificate speak as the broker `name`? Raises `Refusal`."""
        if not self.security.encrypted:
            return
        if not peer_port or self.for_peers is None:
            raise Refusal("brokers are not served here: this address is for clients")
        if not certificate or name not in dns_names(certificate):
            raise Refusal(f"the certificate is not one of broker {name!r}")

    def check_client(
        self, name: str | None, token: str, certificate: Certificate | None, peer_port: bool
    ) -> None:
        """May this client come in, and have this name? Raises `Refusal`.

        Whoever proves to be X may be called X or X/anything, or nothing.
        """
        if peer_port and self.security.encrypted:
            raise Refusal("clients are not served here: this address is for brokers")
        if not self.security.admits_clients_by_proof:
            return
        owners = list(dns_names(certificate)) if certificate else []
        if self.tokens is not None and token and (owner := self.tokens.owner(token)):
            owners.append(owner)
        if not owners:
            raise Refusal("a certificate or a token is wanted, and the one given is none of ours")
        if name is not None and not any(_may_be_called(owner, name) for owner in owners):
            raise Refusal(f"the name {name!r} belongs to somebody else")


def client_context(
    authority: str | None, certificate: str | None = None, key: str | None = None
) -> ssl.SSLContext:
    """TLS for a client: checks the broker's certificate and its host name, TLS 1.3 or later.

    `authority` None means what the system trusts. Raises `ConfigurationError`.
    """
    security = Security(certificate=certificate, key=key)
    context = _context(security, ssl.PROTOCOL_TLS_CLIENT, authority)
    if authority is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    return context


def dns_names(certificate: Certificate) -> tuple[str, ...]:
    """The DNS names of a verified certificate's subjectAltName. Its subject is never looked at."""
    return tuple(
        value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS" and value
    )


def _may_be_called(owner: str, name: str) -> bool:
    return name == owner or name.startswith(f"{owner}/")


def _context(security: Security, side: Any, authority: str | None) -> ssl.SSLContext:
    context = ssl.SSLContext(side)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    path = ""
    try:
        if security.certificate is not None:
            path = security.certificate
            _read(path)  # says which file is missing, which load_cert_chain does not
            if security.key is not None:
                _read(security.key)
            # A key that wants a password would ask the terminal for it.
            context.load_cert_chain(path, security.key, password=_no_password)
        if authority is not None:
            path = authority
            _read(path)
            context.load_verify_locations(path)
            context.verify_mode = ssl.CERT_REQUIRED
    except (ssl.SSLError, ValueError) as error:
        if isinstance(error, ConfigurationError):
            raise
        raise ConfigurationError(f"{path}: not usable: {_why(error)}") from None
    return context


def _why(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    return reason.lower().replace("_", " ") if reason else str(error)


def _no_password() -> str:
    raise ValueError("the key is encrypted, and nobody is here to unlock it")


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: not a text file in UTF-8") from None


def _check_apart(clients: ssl.SSLContext, peers: ssl.SSLContext) -> None:
    """Raise unless no certificate can be signed by an authority of both."""
    ours, theirs = (
        {str(one.get("subject")) for one in side.get_ca_certs()} for side in (clients, peers)
    )
    if ours & theirs:
        raise ConfigurationError(
            "peer_authority and client_authority share a certificate: with it, a client could "
            "pass for a broker; have brokers and clients signed by two authorities"
        )
