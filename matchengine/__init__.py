"""Content-based matching: which of a million standing subscriptions want this event?

>>> from matchengine import Matcher
>>> m = Matcher()
>>> m.add("symbol = 'ACME' AND price < 10", id="alice")
'alice'
>>> m.match({"symbol": "ACME", "price": 9})
['alice']
"""

try:
    from matchengine._matches import Matches
except ModuleNotFoundError as error:
    if error.name != "matchengine._matches":
        raise
    raise ImportError(
        "this is matchengine's source tree, in which nothing is built: to import what is "
        "installed, start Python in another directory, or with -P"
    ) from None
from matchengine._diagnosis import Diagnosis, Subscription
from matchengine._explanation import Anchor, Explanation, Reason
from matchengine.covering import covers, merge, overlaps
from matchengine.errors import (
    DuplicateSubscription,
    EventError,
    EventLimitExceeded,
    ExpensiveFilterWarning,
    FileFormatError,
    FilterSyntaxError,
    FilterTypeError,
    LimitExceeded,
    MatchEngineError,
    UnknownSubscription,
)
from matchengine.filters import Attribute, Filter, attr, parse
from matchengine.limits import Limits
from matchengine.matcher import Matcher

__all__ = [
    "Anchor",
    "Attribute",
    "Diagnosis",
    "DuplicateSubscription",
    "EventError",
    "EventLimitExceeded",
    "ExpensiveFilterWarning",
    "Explanation",
    "FileFormatError",
    "Filter",
    "FilterSyntaxError",
    "FilterTypeError",
    "LimitExceeded",
    "Limits",
    "MatchEngineError",
    "Matcher",
    "Matches",
    "Reason",
    "Subscription",
    "UnknownSubscription",
    "attr",
    "covers",
    "merge",
    "overlaps",
    "parse",
]
