"""A matcher of filters that have been looked at before, and warned about if need be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from matchengine import Matcher

__all__ = ["Index"]


IdT = TypeVar("IdT")


class Index(Matcher[IdT]):
    """A matcher that says nothing of expensive filters.

    Nobody here could do anything about them, and a warning that is made an error must not stop a
    change half-way: where a client's filter comes in is the place to warn.
    """

    def _warn(self, id: Any, ir: bytes, count: int, found: Mapping[str, Any]) -> None:
        pass
