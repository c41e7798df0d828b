"""Configuration files: what they may say, and where a mistake is."""

from __future__ import annotations

from pathlib import Path

import pytest

from brokers import Bounds, ConfigurationError, Security, Settings
from brokers.cli.config import read_config

GOOD = """
name = "a"  # a comment
listen = "127.0.0.1:7001"
peers = ["127.0.0.1:7002"]
store = "data/a.db"

[settings]
heartbeat = 2
window = 64

[bounds]
unread = 1_000

[security]
certificate = "a.pem"
tokens = "/etc/tokens"
"""


def test_a_file_that_says_everything(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text(GOOD)
    assert read_config(str(file)) == {
        "name": "a",
        "listen": "127.0.0.1:7001",
        "peers": ["127.0.0.1:7002"],
        "store": str(tmp_path / "data/a.db"),
        "settings": Settings(heartbeat=2.0, window=64),
        "bounds": Bounds(unread=1_000),
        "security": Security(certificate=str(tmp_path / "a.pem"), tokens="/etc/tokens"),
    }


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('name = "a"\n\nlisten =\n', 3, ""),
        ('name = "a"\nnmae = "b"\n', 2, "there is no 'nmae'; known are name"),
        ("name = 1\n", 1, "name is a text, not 1"),
        ('name = ""\n', 1, "name is a text"),
        ('name = "a"\npeers = "b"\n', 2, "peers is a list of texts"),
        ('peers = [\n  "a",\n  1,\n]\n', 1, "peers is a list of texts"),
        ("settings = 3\n", 1, "settings is a table"),
        ('# window\nname = "a"\n\n[settings]\nwindow = 0\n', 5, "an integer above 0"),
        ("[settings]\nheartbeat = true\n", 2, "a number above 0"),
        ("[settings]\nheartbeat = nan\n", 2, "a number above 0"),
        ('[settings]\n"window" = 1.5\n', 2, "an integer"),
        ("[bounds]\nwindow = 3\n\n[settings]\nwindow = 3\n", 2, "there is no 'window'"),
        ("[settings]\nwindow = 3\n\n[bounds]\nwindow = 3\n", 5, "there is no 'window'"),
        ('name = "a"\nsettings.window = "x"\n', 2, "an integer"),
        ('name = "a"\nsettings = { heartbeat = 1, window = "x" }\n', 2, "an integer"),
        ("[ security ]\nkeys = 1\n", 2, "there is no 'keys'"),
        ("[settings]\nretain = inf\n", 2, "a number above 0"),
        ("[bounds]\nbacklog = 99999999999999999999\n", 2, "an integer above 0, below 2,147,"),
        ('name = "a"\nlisten = "7001"\n', 2, "listen: '7001' is not HOST:PORT"),
        ('name = "a"\npeers = ["b:1", "c"]\n', 2, "peers: 'c' is not HOST:PORT"),
        ('name = "a"\npreset = "best"\n', 2, "preset is one of default"),
        ("[more]\n", 1, "there is no 'more'"),
        ('name = "a', 1, ""),
    ],
)
def test_where_a_mistake_is(tmp_path: Path, text: str, line: int, said: str) -> None:
    file = tmp_path / "a.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as found:
        read_config(str(file))
    assert str(found.value).startswith(f"{file}:{line}: ")
    assert said in str(found.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_config(str(tmp_path / "nowhere.toml"))
    (tmp_path / "a.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        read_config(str(tmp_path / "a.toml"))
