"""``matchengine broker``: one broker, until a signal ends it."""

from __future__ import annotations

import argparse
import logging
import sys
from typing import Any

from brokers.aio.broker import Broker
from brokers.cli.common import address, run_command
from brokers.cli.config import read_config
from brokers.errors import ConfigurationError
from brokers.presets import PRESETS
from brokers.security import Security
from matchengine.cli.command import Commands, new_command
from matchengine.cli.output import OK, complain

__all__ = ["add_command"]

#: Options that are fields of `Security`.
PROOFS = {
    "certificate": "our certificate, with a subjectAltName that is our name (PEM)",
    "key": "its key, if it is in another file",
    "peer-authority": "has signed the certificates of brokers",
    "client-authority": "has signed the certificates of clients; not the same as of brokers",
    "tokens": 'lines "NAME TOKEN": a client that has no certificate needs one of them',
}


def add_command(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add ``broker`` to the parser."""
    parser = new_command(
        commands,
        "broker",
        _run,
        "run a broker",
        "Run a broker until SIGINT or SIGTERM, and say on stderr where it listens. "
        "Beyond this machine it needs a certificate, and clients one or a token.",
    )
    parser.add_argument("--config", metavar="FILE", help="TOML; the other options come before it")
    parser.add_argument("--name", help="unlike that of any other broker")
    parser.add_argument(
        "--listen", metavar="HOST:PORT", type=address, help="for clients, and brokers without TLS"
    )
    parser.add_argument(
        "--peer-listen", metavar="HOST:PORT", type=address, help="for brokers, with TLS"
    )
    parser.add_argument(
        "--peer",
        metavar="HOST:PORT",
        dest="peers",
        type=address,
        action="append",
        help="a broker to keep a connection to; may be given several times",
    )
    parser.add_argument("--preset", choices=list(PRESETS), help="how events are routed")
    parser.add_argument(
        "--store", metavar="FILE", help="keeps the subscriptions of named clients (SQLite)"
    )
    parser.add_argument("--verbose", action="store_true", help="say what happens on stderr")
    group = parser.add_argument_group("TLS and tokens")
    for option, help in PROOFS.items():
        group.add_argument(f"--{option}", metavar="FILE", help=help)


def _run(arguments: argparse.Namespace) -> int:
    logging.basicConfig(
        stream=sys.stderr,
        format="%(message)s",
        level=logging.INFO if arguments.verbose else logging.WARNING,
    )
    return run_command(lambda: _main(arguments))


async def _main(arguments: argparse.Namespace) -> int:
    try:
        async with Broker(**_settings(arguments)) as broker:
            complain(f"listening on {broker.address}")
            if broker.peer_address not in (None, broker.address):
                complain(f"listening for brokers on {broker.peer_address}")
            await broker.failure()
    except OSError as error:
        raise ConfigurationError(error.strerror or str(error)) from None
    return OK


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """The arguments of `Broker`: from the file, and over them those of the command."""
    found = read_config(arguments.config) if arguments.config is not None else {}
    for key in ("name", "listen", "peer_listen", "peers", "preset", "store"):
        if (value := getattr(arguments, key)) is not None:
            found[key] = value
    given = {
        option.replace("-", "_"): value
        for option in PROOFS
        if (value := getattr(arguments, option.replace("-", "_"))) is not None
    }
    if given:
        said = found.get("security", Security())
        kept = {field: getattr(said, field) for field in said.__dataclass_fields__}
        found["security"] = Security(**{**kept, **given})
    for key in ("name", "listen"):
        if key not in found:
            arguments.wrong_usage(f"--{key} is missing, here and in a --config file")
    return found
