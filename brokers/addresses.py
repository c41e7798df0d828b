"""HOST:PORT, as people write it."""

from __future__ import annotations

import ipaddress
import os
from typing import NamedTuple

from brokers.errors import ConfigurationError

__all__ = ["Address", "is_loopback", "read_address", "why_unreachable"]


class Address(NamedTuple):
    """Where to listen, or whom to call."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def read_address(text: str) -> Address:
    """The address that `text` says; IPv6 in brackets: ``[::1]:7001``.

    Raises `ConfigurationError`.
    """
    if not isinstance(text, str):
        raise ConfigurationError(f"an address is a text, HOST:PORT, not {text!r}")
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ConfigurationError(f"{text!r}: an IPv6 address stands in brackets: [::1]:7001")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) < 65_536):
        raise ConfigurationError(f"{text!r} is not HOST:PORT, for instance 127.0.0.1:7001")
    try:
        host.encode("idna")  # as the resolver will
    except UnicodeError as error:
        raise ConfigurationError(f"{text!r}: {host!r} is no name of a host: {error}") from None
    return Address(host, int(port))


def is_loopback(host: str) -> bool:
    """Does only this machine reach it? Names other than localhost are not looked up: no."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def why_unreachable(error: OSError) -> str:
    """What the system said, without what asyncio puts around it: the address, which we say too."""
    if isinstance(error.errno, int) and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or str(error)
