"""What the commands share: how to reach a broker, and what an error means for the exit code."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from brokers.addresses import read_address
from brokers.aio.client import Client, connect
from brokers.aio.run import run
from brokers.errors import BrokerError, ConfigurationError
from brokers.security import client_context
from matchengine import MatchEngineError
from matchengine.cli.output import BAD_INPUT, complain

__all__ = ["add_connection", "address", "client_of", "run_command"]


RETRY = 5.0  #: seconds in which a broker has to be found


def address(text: str) -> str:
    """An argument that is HOST:PORT."""
    try:
        return str(read_address(text))
    except ConfigurationError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_connection(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the broker is and prove who we are."""
    parser.add_argument(
        "--broker", metavar="HOST:PORT", type=address, required=True, help="where the broker is"
    )
    add_proofs(parser)


def add_proofs(parser: argparse.ArgumentParser) -> None:
    """Add the options of TLS and tokens."""
    group = parser.add_argument_group("who we are, and whom we believe")
    group.add_argument(
        "--authority",
        metavar="FILE",
        help="connect with TLS to a broker whose certificate this one has signed (PEM)",
    )
    group.add_argument("--certificate", metavar="FILE", help="our own certificate (PEM)")
    group.add_argument("--key", metavar="FILE", help="its key, if it is in another file")
    group.add_argument(
        "--token-file", metavar="FILE", help="a file with our token and nothing else"
    )


def client_of(arguments: argparse.Namespace, at: str | None = None, **more: Any) -> Client:
    """The client that the arguments describe. Raises `ConfigurationError`."""
    tls = None
    if arguments.authority is not None:
        tls = client_context(arguments.authority, arguments.certificate, arguments.key)
    elif arguments.certificate is not None or arguments.key is not None:
        raise ConfigurationError("--certificate and --key need an --authority")
    token = _token(arguments.token_file) if arguments.token_file is not None else None
    return connect(at or arguments.broker, ssl=tls, token=token, retry=RETRY, **more)


def run_command(main: Callable[[], Coroutine[Any, Any, int]], interrupted: int = 0) -> int:
    """Run it; an error becomes a complaint and its exit code."""
    try:
        return run(main, interrupted)
    except (BrokerError, MatchEngineError) as error:
        complain(f"matchengine: {error}")
        return BAD_INPUT


def _token(path: str) -> str:
    try:
        words = Path(path).read_text(encoding="utf-8").split()
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: not a text file in UTF-8") from None
    if len(words) != 1:
        raise ConfigurationError(f"{path}: one token is wanted, got {len(words)} words")
    return words[0]
