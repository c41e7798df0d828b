"""What brokers/ adds to the command ``matchengine``: see ENTRY_POINTS in matchengine/cli/app.py."""

from __future__ import annotations

import argparse

from brokers.cli import broker, pub, status, sub
from matchengine.cli.command import Commands

__all__ = ["add_commands"]


def add_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add all commands to the parser."""
    for module in (broker, pub, sub, status):
        module.add_command(commands)
