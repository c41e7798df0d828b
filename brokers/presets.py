"""The systems of the literature, each as one choice of every block.

    trees     one for every source, or one that all share (`overlay`)
    targets   whom interest must reach (`interest.targets`)
    edge      how a broker reduces what its own clients want (`reduce`)
    link      how it reduces, for each neighbour, all it passes on; None: not again
    plane     which way events go (`events.planes`)

Sources: Carzaniga, Rosenblum and Wolf, TOCS 2001 (siena*); Cao and Singh, Middleware 2005 (medym);
Pietzuch and Bacon 2002 (meeting at the owner of a key, in Hermes).
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["PRESETS", "Preset"]


class Preset(NamedTuple):
    """One choice of each block."""

    trees: str
    targets: str
    edge: str
    link: str | None
    plane: str


PRESETS: dict[str, Preset] = {
    "default": Preset("per source", "guided", "merging", None, "filtered"),
    "central": Preset("per source", "root", "identity", None, "hub"),
    "flooding": Preset("per source", "nowhere", "none", None, "flooding"),
    "siena-hierarchical": Preset("shared", "root", "none", "covering", "upward"),
    "siena": Preset("shared", "everywhere", "none", "covering", "filtered"),
    "siena-adv": Preset("shared", "guided", "none", "covering", "filtered"),
    "medym": Preset("per source", "everywhere", "merging", None, "explicit"),
    "rendezvous": Preset("per source", "owners", "identity", None, "meeting"),
}
