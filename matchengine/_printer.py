"""The canonical text of a filter (``docs/semantics.md``, section 6).

Nodes come in postfix order. Read backwards, that is prefix order with the operands reversed, so
one pass from the end writes the text from its end: no recursion, no copying of what is written::

    nodes     a = 1 | b = 2 | c = 3 | OR 2 | AND 2
    written   ")"  "c = 3"  " OR "  "b = 2"  "("  " AND "  "a = 1"
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from matchengine._filters import decimal
from matchengine._operands import items

__all__ = ["canonical_text", "operand_text"]

_KEYWORDS = frozenset(
    ["AND", "OR", "NOT", "TRUE", "FALSE", "NULL", "IN", "LIKE", "ILIKE", "BETWEEN", "IS", "ESCAPE"]
)
#: Of the characters from U+0080 on all but the blanks (lex.c).
_BEYOND = r"[^\x00-\x7f\x85\xa0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff]"
_WORD = rf"(?:[A-Za-z0-9_$]|{_BEYOND})"
_BARE_NAME = re.compile(rf"(?![0-9]){_WORD}+(?:\.{_WORD}+)*")

_CONNECTIVES = frozenset(["AND", "OR"])
_FUNCTIONS = frozenset(["STARTS_WITH", "ENDS_WITH", "CONTAINS", "MATCHES", "EXISTS"])
#: NOT of these is written inside the leaf.
_INNER_NOT = frozenset(["IN", "BETWEEN", "LIKE", "ILIKE", "IS NULL"])

Node = tuple[str, str | None, tuple[object, ...]]


def canonical_text(nodes: Sequence[Node]) -> str:
    """Return the text of `nodes`, as `_filters.nodes` gives them. Linear in their number.

    `parse` reads the text back to the same filter, and two filters are equal when their texts are.
    """
    backwards: list[str] = []
    # What the text being written stands in: operator, operands to come, what closes it in front.
    open_: list[tuple[str, int, str]] = []
    at = len(nodes)
    while at:
        at -= 1
        op, path, constants = nodes[at]
        if op in _CONNECTIVES:
            outer = open_[-1][0] if open_ else ""
            grouped = outer == "NOT" or (outer == "AND" and op == "OR")
            if grouped:
                backwards.append(")")
            open_.append((op, int(constants[0]), "(" if grouped else ""))  # type: ignore[call-overload]
            continue
        if op == "NOT" and not _has_inner_not(nodes[at - 1]):
            open_.append((op, 1, "NOT "))
            continue
        if op == "NOT":
            at -= 1
            backwards.append(_leaf_text(*nodes[at], inner_not="NOT "))
        else:
            is_leaf = path is not None or op == "COMPUTE"
            backwards.append(_leaf_text(op, path, constants) if is_leaf else op)
        _close(open_, backwards)
    return "".join(reversed(backwards))


def _has_inner_not(node: Node) -> bool:
    return node[0] in _INNER_NOT or (node[0] == "COMPUTE" and node[2][0] == "BETWEEN")


def _close(open_: list[tuple[str, int, str]], backwards: list[str]) -> None:
    """An operand is complete, and with the first one in the text what it stands in."""
    while open_:
        op, rest, front = open_.pop()
        if rest > 1:
            open_.append((op, rest - 1, front))
            backwards.append(f" {op} ")
            return
        backwards.append(front)


def _leaf_text(
    op: str, path: str | None, constants: tuple[object, ...], inner_not: str = ""
) -> str:
    if op == "COMPUTE":
        return _computed_text(str(constants[0]), constants[1], inner_not)  # type: ignore[arg-type]
    name = _name_text(path or "")
    texts = [_constant_text(constant) for constant in constants]
    if op in _FUNCTIONS:
        return f"{op}({', '.join([name, *texts])})"
    if op == "IN":
        return f"{name} {inner_not}IN ({', '.join(texts)})"
    if op == "BETWEEN":
        return f"{name} {inner_not}BETWEEN {texts[0]} AND {texts[1]}"
    if op in ("LIKE", "ILIKE"):
        escape = f" ESCAPE {texts[1]}" if constants[1] else ""
        return f"{name} {inner_not}{op} {texts[0]}{escape}"
    if op == "IS NULL":
        return f"{name} IS {inner_not}NULL"
    return f"{name} {op} {texts[0]}"


#: How tightly an operand holds together. A constant without a minus is weaker than one with it
#: and than a name, but only a minus asks for so much: -(3) is not the constant -3.
_STRENGTH = {"+": 1, "-": 1, "*": 2, "/": 2, "negate": 4}
_STRONGEST = 4


def _computed_text(relation: str, code: bytes, inner_not: str) -> str:
    if relation == "BETWEEN":
        return _code_text(code, ["", f" {inner_not}BETWEEN ", " AND "])
    return _code_text(code, ["", f" {relation} "])


def operand_text(code: bytes) -> str:
    """The text of one operand. Linear in its code."""
    return _code_text(code, [""])


def _code_text(code: bytes, fronts: list[str]) -> str:
    """The operands that `code` leaves, each with its text in front: from the end, as above."""
    backwards: list[str] = []
    # Of every operation that is open, the operands to come, the next one last: how strong one must
    # be to stand without parentheses, and what goes in front of it.
    open_ = [[(0, front) for front in fronts]]
    for kind, value in reversed(items(code)):
        least = open_[-1][-1][0]
        strength = _STRENGTH.get(kind, _STRONGEST)
        text = ""
        if kind == "name":
            text = _name_text(str(value))
        elif kind == "constant":
            text = _constant_text(value)
            strength -= not text.startswith("-")
        grouped = strength < least
        front = "(" if grouped else ""
        backwards.append(")" if grouped else "")
        if kind == "negate":
            open_.append([(_STRONGEST, "-")])
        elif not text:
            open_.append([(strength, front), (strength + 1, f" {kind} ")])
        else:
            backwards += (text, front)
            _close_operands(open_, backwards)
    return "".join(reversed(backwards))


def _close_operands(open_: list[list[tuple[int, str]]], backwards: list[str]) -> None:
    while open_:
        backwards.append(open_[-1].pop()[1])
        if open_[-1]:
            return
        open_.pop()


def _name_text(name: str) -> str:
    """The name, in quotes where a bare one would not be read back."""
    # Outside ASCII, upper() would make keywords of other words: that of U+0131 is I.
    is_keyword = len(name) <= 7 and name.isascii() and name.upper() in _KEYWORDS
    if _BARE_NAME.fullmatch(name) and not is_keyword:
        return name
    return '"' + name.replace('"', '""') + '"'


def _constant_text(value: object) -> str:
    """The constant as a literal."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return decimal(value)
    text = repr(value)
    return text.replace("inf", "1e+999")
