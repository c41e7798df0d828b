"""Filters: parsed from text, or built from attributes.

    >>> from matchengine import attr, parse
    >>> f = parse("symbol = :s AND price < 10", s="ACME")
    >>> f == (attr("symbol") == "ACME") & (attr("price") < 10)
    True
    >>> print(~f | attr("urgent").is_true())
    NOT (symbol = 'ACME' AND price < 10) OR urgent = TRUE

What a filter means is written down in ``docs/semantics.md``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, NoReturn, TypeAlias, final

from matchengine import _filters, _operands
from matchengine._printer import canonical_text, operand_text
from matchengine.errors import FilterSyntaxError, FilterTypeError

__all__ = ["Attribute", "Expression", "Filter", "attr", "parse"]

#: What a filter can compare an attribute with. NumPy scalars count by value.
Constant = bool | int | float | str
Comparable: TypeAlias = "Constant | Operand"
Number: TypeAlias = "int | float | Operand"


@final
class Filter:
    """A condition on events, immutable and hashable. ``Filter(text)`` is ``parse(text)``.

    Filters combine with ``&``, ``|`` and ``~``. Two filters are equal when their canonical texts
    are: nothing is simplified, but for AND in AND and OR in OR, which are written without
    parentheses. Combining takes time linear in the operands, and raises `LimitExceeded` where the
    text would break the defaults of `Limits`.
    """

    __slots__ = ("_ir",)
    _ir: bytes

    def __new__(cls, text: str = "") -> Filter:
        """Parse `text`; see `parse`."""
        return filter_of(_filters.parse_text(text, {}))

    @property
    def paths(self) -> frozenset[str]:
        """The names of the attributes that the filter looks at. Linear in the filter's size."""
        return _filters.paths(self._ir)

    def __and__(self, other: Filter) -> Filter:
        if not isinstance(other, Filter):
            return NotImplemented
        return filter_of(_filters.combine("AND", [self._ir, other._ir]))

    def __or__(self, other: Filter) -> Filter:
        if not isinstance(other, Filter):
            return NotImplemented
        return filter_of(_filters.combine("OR", [self._ir, other._ir]))

    def __invert__(self) -> Filter:
        return filter_of(_filters.negate(self._ir))

    def __eq__(self, other: object) -> bool:
        return self._ir == other._ir if isinstance(other, Filter) else NotImplemented

    def __hash__(self) -> int:
        return hash((Filter, self._ir))

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "a filter is neither true nor false without an event: combine filters with &, | and ~ "
            "instead of and, or and not, and write attr(...).between(a, b) for a <= attr(...) <= b"
        )

    def __str__(self) -> str:
        """The canonical text: ``parse(str(f)) == f``. Linear in the filter's size."""
        return canonical_text(_filters.nodes(self._ir))

    def __repr__(self) -> str:
        return f"Filter({str(self)!r})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a filter cannot be changed: {name}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a filter cannot be changed: {name}")

    def __reduce__(self) -> tuple[object, tuple[bytes]]:
        return _restore, (self._ir,)


def filter_of(ir: bytes) -> Filter:
    """The filter with these bytes, which are known to be good: the core has written them."""
    new = object.__new__(Filter)
    object.__setattr__(new, "_ir", ir)
    return new


def _restore(ir: bytes) -> Filter:
    """The filter with these bytes, which come from a pickle and may be anything."""
    if type(ir) is not bytes:
        raise FilterTypeError(f"a filter is restored from bytes, not {type(ir).__name__}")
    _filters.check_ir(ir)
    return filter_of(ir)


class Operand:
    """What a filter compares: an attribute, or arithmetic on attributes and numbers.

    ``+ - * /`` and unary minus give an `Expression`. Comparing with a constant or another operand
    gives a `Filter`. Every method raises `FilterTypeError` for a constant that cannot stand there
    (None, NaN, a bool where order matters, what is no number in arithmetic, any type but bool, int,
    float, str and their NumPy counterparts) and `LimitExceeded` where the text would break the
    defaults of `Limits`, arithmetic included. Each takes time linear in its operands.
    """

    __slots__ = ()
    __hash__: ClassVar[None]  # type: ignore[assignment]
    #: Tells NumPy's scalars to leave ``numpy.float64(5) < attr("a")`` to us.
    __array_ufunc__: ClassVar[None] = None

    def __add__(self, other: Number) -> Expression:
        return _arithmetic("+", self, other)

    def __radd__(self, other: Number) -> Expression:
        return _arithmetic("+", other, self)

    def __sub__(self, other: Number) -> Expression:
        return _arithmetic("-", self, other)

    def __rsub__(self, other: Number) -> Expression:
        return _arithmetic("-", other, self)

    def __mul__(self, other: Number) -> Expression:
        return _arithmetic("*", self, other)

    def __rmul__(self, other: Number) -> Expression:
        return _arithmetic("*", other, self)

    def __truediv__(self, other: Number) -> Expression:
        return _arithmetic("/", self, other)

    def __rtruediv__(self, other: Number) -> Expression:
        return _arithmetic("/", other, self)

    def __neg__(self) -> Expression:
        return _arithmetic("negate", self)

    def __eq__(self, other: object) -> Filter:  # type: ignore[override]
        return self._compare("=", other)

    def __ne__(self, other: object) -> Filter:  # type: ignore[override]
        return self._compare("<>", other)

    def __lt__(self, other: Comparable) -> Filter:
        return self._compare("<", other)

    def __le__(self, other: Comparable) -> Filter:
        return self._compare("<=", other)

    def __gt__(self, other: Comparable) -> Filter:
        return self._compare(">", other)

    def __ge__(self, other: Comparable) -> Filter:
        return self._compare(">=", other)

    def between(self, low: Comparable, high: Comparable) -> Filter:
        """``... BETWEEN low AND high``, both ends included: numbers or strings."""
        return self._compare("BETWEEN", low, high)

    def _compare(self, relation: str, *others: object) -> Filter:
        codes = [_code(other, relation) for other in others]
        return filter_of(_operands.compare(relation, [_code(self), *codes]))

    def __bool__(self) -> NoReturn:
        raise TypeError("an attribute has no value without an event: did you mean .is_true()?")


@final
class Expression(Operand):
    """Arithmetic on attributes: ``attr("price") * attr("volume")``. See `Operand`."""

    __slots__ = ("_code",)

    def __init__(self, code: bytes) -> None:
        """Made by the operators of `Operand`."""
        self._code = code

    def __repr__(self) -> str:
        return f"<{operand_text(self._code)}>"


@final
class Attribute(Operand):
    """An attribute of events, by the dotted path of its name: ``attr("geo.lat") > 51.5``.

    It compares, and counts, like every `Operand`; the other tests take constants only, and raise
    the same errors.
    """

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        """See `attr`."""
        self._name = name

    def _compare(self, relation: str, *others: object) -> Filter:
        if any(isinstance(other, Operand) for other in others):
            return super()._compare(relation, *others)
        return self._leaf(relation, *others)

    def isin(self, constants: Iterable[Constant]) -> Filter:
        """``name IN (...)``: equal to one of the constants, of which there is at least one."""
        if isinstance(constants, str | bytes):
            raise FilterTypeError("isin takes several constants, for instance a list")
        members = tuple(constants)
        if not members:
            raise FilterTypeError("isin needs at least one constant")
        return self._leaf("IN", *members)

    def like(self, pattern: str, escape: str | None = None) -> Filter:
        """``name LIKE pattern``: ``%`` is any run of characters, ``_`` any one of them.

        `escape` is one character that makes the next one in the pattern stand for itself. Raises
        `FilterSyntaxError` when it is not one character, or ends the pattern.
        """
        return self._like("LIKE", pattern, escape)

    def ilike(self, pattern: str, escape: str | None = None) -> Filter:
        """``name ILIKE pattern``: `like` without regard to case."""
        return self._like("ILIKE", pattern, escape)

    def starts_with(self, text: str) -> Filter:
        """``STARTS_WITH(name, text)``."""
        return self._leaf("STARTS_WITH", text)

    def ends_with(self, text: str) -> Filter:
        """``ENDS_WITH(name, text)``."""
        return self._leaf("ENDS_WITH", text)

    def contains(self, text: str) -> Filter:
        """``CONTAINS(name, text)``."""
        return self._leaf("CONTAINS", text)

    def matches(self, regex: str) -> Filter:
        """``MATCHES(name, regex)``: the whole string matches an I-Regexp (RFC 9485).

        Raises `FilterSyntaxError`, with the position in the regex, when it is none.
        """
        return self._leaf("MATCHES", regex)

    def exists(self) -> Filter:
        """``EXISTS(name)``: there is a value, be it null."""
        return self._leaf("EXISTS")

    def is_null(self) -> Filter:
        """``name IS NULL``: there is no value, or some value is null."""
        return self._leaf("IS NULL")

    def is_not_null(self) -> Filter:
        """``name IS NOT NULL``: the opposite of `is_null`."""
        return ~self._leaf("IS NULL")

    def is_true(self) -> Filter:
        """``name = TRUE``, as the bare name means in text."""
        return self._leaf("=", True)

    def is_false(self) -> Filter:
        """``name = FALSE``."""
        return self._leaf("=", False)

    def __repr__(self) -> str:
        return f"attr({self._name!r})"

    def _leaf(self, op: str, *constants: object) -> Filter:
        return filter_of(_filters.leaf(op, self._name, constants))

    def _like(self, op: str, pattern: str, escape: str | None) -> Filter:
        if escape == "":
            # In the filter's bytes, an empty escape says that there is none.
            raise FilterSyntaxError("ESCAPE takes exactly one character")
        return self._leaf(op, pattern, "" if escape is None else escape)


def _code(operand: object, relation: str | None = None) -> bytes:
    """The code of an operand; of a constant, one that may stand in arithmetic or be compared."""
    if isinstance(operand, Expression):
        return operand._code
    if isinstance(operand, Attribute):
        return _operands.name(operand._name)
    return _operands.constant(operand, relation)


def _arithmetic(op: str, *operands: object) -> Expression:
    return Expression(_operands.join(op, [_code(operand) for operand in operands]))


def attr(name: str) -> Attribute:
    """Return the attribute `name`, from which filters are built.

    A dot in the name separates the keys of nested objects; no character needs quoting. Raises
    `FilterTypeError` when the name is not a str, or has lone surrogates.
    """
    if not isinstance(name, str):
        raise FilterTypeError(f"the name of an attribute is a str, not {type(name).__name__}")
    if not name.isascii():
        _filters.leaf("EXISTS", name)  # looks at the name
    return Attribute(str(name))


def parse(text: str, params: Mapping[str, object] | None = None, /, **named: object) -> Filter:
    """Return the filter that `text` says, in the native dialect.

    A `:name` in the text stands for the value of that name in `params` or among the keyword
    arguments (which win): a bool, int, float, str or None, bound as a value and never read as
    text. Takes time linear in the text, well below a microsecond for a short one.

    Raises `FilterSyntaxError`, `FilterTypeError` (also for a parameter that is missing or that
    the text does not use) or `LimitExceeded` (by the defaults of `Limits`).
    """
    return filter_of(_filters.parse_text(text, {**params, **named} if params else named))
