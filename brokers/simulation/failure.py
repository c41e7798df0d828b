"""A promise that was not kept."""

from __future__ import annotations

__all__ = ["Failure"]


class Failure(Exception):
    """The oracle's verdict: which promise, what happened, and the event that shows it."""

    def __init__(self, promise: str, text: str, event: bytes | None = None) -> None:
        super().__init__(f"{promise}: {text}")
        self.promise = promise
        self.text = text
        self.event = event
