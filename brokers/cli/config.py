"""The configuration file of a broker: TOML, every mistake with file and line.

name = "a"                      # these are the options of the command, which come first
listen = "127.0.0.1:7001"
peer_listen = "..."             # where brokers call, with certificates
peers = ["127.0.0.1:7002"]
preset = "default"
store = "a.db"                  # relative to the folder of this file, as are the next ones

[security]                      # certificate, key, peer_authority, client_authority, tokens
[settings]                      # see brokers/settings.py
[bounds]                        # see brokers/aio/connection.py
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path
from typing import Any

from brokers.addresses import read_address
from brokers.aio.connection import Bounds
from brokers.errors import ConfigurationError
from brokers.presets import PRESETS
from brokers.security import Security
from brokers.settings import Settings

__all__ = ["read_config"]

#: What stands before the first table: key -> type.
TOP = {
    "name": "str",
    "listen": "str",
    "peer_listen": "str",
    "peers": "list",
    "preset": "str",
    "store": "str",
}
MOST = 1 << 31  #: no number may be that large: some of them go to the system, which has 32 bits
TABLES: dict[str, type[Any]] = {"security": Security, "settings": Settings, "bounds": Bounds}


def read_config(path: str) -> dict[str, Any]:
    """The arguments of `Broker` that the file gives. Raises `ConfigurationError`."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: not a text file in UTF-8") from None
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(_with_line(path, text, str(error))) from None
    return _Reader(path, text).arguments(found)


class _Reader:
    """Checks what the file says."""

    def __init__(self, path: str, text: str) -> None:
        self._path, self._text = path, text
        self._folder = Path(path).parent

    def arguments(self, found: dict[str, Any]) -> dict[str, Any]:
        """All of it."""
        arguments: dict[str, Any] = {}
        for key, value in found.items():
            if key in TABLES:
                if not isinstance(value, dict):
                    raise self._wrong("", key, f"{key} is a table: [{key}]")
                arguments[key] = self._table(key, TABLES[key], value)
            else:
                arguments[key] = self._value("", key, TOP, value)
                self._check(key, value)
        if "store" in arguments:
            arguments["store"] = str(self._folder / arguments["store"])
        return arguments

    def _check(self, key: str, value: Any) -> None:
        """What `Broker` would refuse without knowing the line."""
        if key == "preset" and value not in PRESETS:
            raise self._wrong("", key, f"preset is one of {', '.join(PRESETS)}, not {value!r}")
        if key in ("listen", "peer_listen", "peers"):
            try:
                for address in value if key == "peers" else [value]:
                    read_address(address)
            except ConfigurationError as error:
                raise self._wrong("", key, f"{key}: {error}") from None

    def _table(self, name: str, kind: type[Any], found: dict[str, Any]) -> Any:
        types = {field.name: str(field.type) for field in dataclasses.fields(kind)}
        values = {key: self._value(name, key, types, value) for key, value in found.items()}
        if kind is Security:
            values = {key: str(self._folder / value) for key, value in values.items()}
        return kind(**values)

    def _value(self, table: str, key: str, types: dict[str, str], value: Any) -> Any:
        if key not in types:
            known = ", ".join(types if table else [*types, *(f"[{one}]" for one in TABLES)])
            raise self._wrong(table, key, f"there is no {key!r}; known are {known}")
        match types[key].split(" ")[0], value:
            case ("str", str()) if value:
                return value
            case ("list", list()) if all(isinstance(one, str) for one in value):
                return value
            case ("int", int()) if not isinstance(value, bool) and 0 < value < MOST:
                return value
            case ("float", int() | float()) if not isinstance(value, bool) and 0 < value < MOST:
                return float(value)
        wanted = {
            "str": "a text",
            "list": "a list of texts",
            "int": f"an integer above 0, below {MOST:,}",
            "float": f"a number above 0, below {MOST:,}",
        }[types[key].split(" ")[0]]
        raise self._wrong(table, key, f"{key} is {wanted}, not {value!r}")

    def _wrong(self, table: str, key: str, what: str) -> ConfigurationError:
        return ConfigurationError(f"{self._path}:{_line_of(self._text, table, key)}: {what}")


def _line_of(text: str, table: str, key: str) -> int:
    """Where the key stands; or where its table begins, when it is written in some rare way."""
    name = rf"""(?:{re.escape(key)}|"{re.escape(key)}"|'{re.escape(key)}')"""
    current, begin = "", 1
    for number, line in enumerate(text.splitlines(), 1):
        if head := re.match(r"\s*\[\s*([^\[\]]+?)\s*\]", line):
            current = head[1].strip("\"'")
            if current == (table or key):
                begin = number
                if not table:
                    return number
        elif current == table and re.match(rf"\s*{name}\s*[=.]", line):
            return number
        elif table and not current and re.match(rf"\s*{re.escape(table)}\s*[=.]", line):
            begin = number
            if re.search(rf"\b{name}\s*=", line):
                return number
    return begin


def _with_line(path: str, text: str, message: str) -> str:
    """`tomllib` says the place last: "... (at line 3, column 7)"."""
    found = re.search(r" \(at line (\d+), column \d+\)$", message)
    if found:
        return f"{path}:{found[1]}: {message[: found.start()]}"
    return f"{path}:{len(text.splitlines()) or 1}: {message.removesuffix(' (at end of document)')}"
