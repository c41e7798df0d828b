"""Does the suite notice a bug? Each one here is planted in a copy of the tree, and must be caught.

    python tests/planted.py                 all of them: minutes
    python tests/planted.py bound needle    those whose names hold a word

Run it with the Python of an environment that has the test dependencies; it builds each copy with
pip. Exit status 1: a bug was missed, or the unchanged tree fails.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
COPIED = ["src_c", "matchengine", "brokers", "tests", "docs", "examples", "benchmarks"]
MINUTES = 15  # for one command


class Bug(NamedTuple):
    """One change, and the tests that should notice: C programs, and arguments of pytest."""

    name: str
    file: str
    old: str
    new: str
    c: tuple[str, ...] = ()
    python: tuple[str, ...] = ()


VECTORS = "tests/matchengine/test_vectors.py"
MODEL = "tests/matchengine/test_model.py"
MATCHER = "tests/matchengine/test_matcher.py"

FILES = "tests/matchengine/test_file_format.py"
ATOMIC = "tests/matchengine/test_atomic.py"
HISTORIES = "tests/matchengine/test_histories.py"

REGEX = "tests/matchengine/test_regex.py"
COVERING = "tests/matchengine/test_covering.py"

BUGS = [
    Bug(
        "covering takes NOT for the complement of a leaf",
        "src_c/formula_terms.c",
        "return not_x == not_y && (not_x ? is_within(y, x, left) : is_within(x, y, left));",
        "return is_within(x, y, left);",
        python=(COVERING,),
    ),
    Bug(
        "values that are single at shared paths are taken for single everywhere",
        "src_c/cover.c",
        "const bool one = values == ME_VALUES_ONE;",
        "const bool one = values != ME_VALUES_MANY;",
        c=("test_cover",),
        python=(COVERING,),
    ),
    Bug(
        "the first few that match a witness are taken for all",
        "src_c/cover_search.c",
        "if (out->count < FEW) {",
        "if (out->count <= FEW) {",
        python=(COVERING,),
    ),
    Bug(
        "covering takes neighbouring values for distant ones",
        "src_c/value_cut.c",
        "return values_touch(&a->value, &b->value) ? 0 : order;",
        "return order;",
        python=(COVERING,),
    ),
    Bug(
        "the note of a subscription is not renewed by replace",
        "src_c/engine.c",
        "    set_note(e, handle, &new);",
        "",
        c=("test_cover",),
        python=(COVERING,),
    ),
    Bug(
        "a range of a regex loses its first code point",
        "src_c/regex_set.c",
        "return low < count && ranges[low].first <= point;",
        "return low < count && ranges[low].first < point;",
        c=("test_regex",),
        python=(REGEX, VECTORS),
    ),
    Bug(
        "the literal of a regex is one of x+ taken for x",
        "src_c/regex_literal.c",
        "l.exact = l.exact && (least == most || l.at[REGEX_START].length == 0);",
        "l.exact = l.exact && least > 0;",
        c=("test_regex",),
        python=(REGEX,),
    ),
    Bug(
        "the ends of a regex forget what is skipped",
        "src_c/regex_literal.c",
        "bool ahead = code->jump > 0 && ends[i + (uint32_t)code->jump];",
        "bool ahead = code->op == REGEX_JUMP && ends[i + (uint32_t)code->jump];",
        c=("test_regex",),
        python=(REGEX,),
    ),
    Bug(
        "a doubled quote moves the place of an error in a regex",
        "src_c/parse_leaf.c",
        "place += string->start[place] == '\\'' ? 2 : 1;",
        "place += string->start[place] == '\\'' ? 1 : 1;",
        c=("test_parse",),
        python=(REGEX, "tests/matchengine/test_errors.py"),
    ),
    Bug(
        "an open bound is closed",
        "src_c/acquire.c",
        "interval(start, label - 1, lo, width);",
        "interval(start, label, lo, width);",
        c=("test_engine",),
        python=(VECTORS,),
    ),
    Bug(
        "the SIMD tail forgets a row (AVX-512)",
        "src_c/sieve.c",
        "(left >= 16 ? 0xFFFFu : (1u << left) - 1)",
        "(left >= 16 ? 0xFFFFu : (1u << (left - 1)) - 1)",
        c=("test_sieve", "test_match"),
        python=(MODEL,),
    ),
    Bug(
        "the SIMD tail forgets a row (AVX2)",
        "src_c/sieve.c",
        "return ranges_from(needs, ranges, eights, count, bits, x, kept, n);",
        "return ranges_from(needs, ranges, eights + 1, count, bits, x, kept, n);",
        c=("test_sieve", "test_match"),
        python=(MODEL,),
    ),
    Bug(
        "a row needs the first value of IN",
        "src_c/compile_tree.c",
        "bool is_value = test_kind_of(&n->test) == T_INTERVAL && (n->op",
        "bool is_value = test_kind_of(&n->test) % 2 == 0 && (n->op",
        c=("test_engine",),
        python=(VECTORS,),
    ),
    Bug(
        "a handle is used again while a result names it",
        "matchengine/_engine.pyx",
        "while self.retired and (oldest.count == 0 or self.retired[0][0] < oldest.epoch):",
        "while self.retired and (oldest.count == 0 or self.retired[0][0] <= oldest.epoch):",
        python=(MATCHER, MODEL),
    ),
    Bug(
        "an epoch wraps",
        "src_c/encode.c",
        "if (++m->epoch == 0) {",
        "if (++m->epoch == 0 && m->cap == 0) {",
        c=("test_match",),
    ),
    Bug(
        "an epoch of the string search wraps",
        "src_c/string_search.c",
        "    if (hits->epoch == 0) {",
        "    if (hits->epoch == 0 && hits->seen == NULL) {",
        c=("test_match", "test_string_index"),
    ),
    Bug(
        "a residual label is not made anew",
        "src_c/relabel.c",
        "map_test(pass, &chunk->tests[t]);",
        "(void)(t % size != 0 ? (void)0 : map_test(pass, &chunk->tests[t]));",
        python=("tests/matchengine/test_labels.py",),
    ),
    Bug(
        "a label of a program is not made anew",
        "src_c/relabel.c",
        "for (uint32_t s = 0; p != NULL && s < p->count; s++) {",
        "for (uint32_t s = 1; p != NULL && s < p->count; s++) {",
        python=("tests/matchengine/test_labels.py",),
    ),
    Bug(
        "NOT over unknown is true",
        "src_c/verify.c",
        "satisfied : x > CODE_NULL && !satisfied;",
        "satisfied : !satisfied;",
        c=("test_engine",),
        python=(VECTORS,),
    ),
    Bug(
        "NOT over an array with null is true",
        "src_c/verify.c",
        "return wants_true ? some : !some && !null;",
        "return wants_true ? some : !some;",
        python=(VECTORS,),
    ),
    Bug(
        "an array element is skipped",
        "src_c/encode.c",
        "    entry->next = *newest;\n",
        "    entry->next = ev->log.entries[*newest].next;\n",
        c=("test_match",),
        python=(VECTORS,),
    ),
    Bug(
        "a duplicate key is kept",
        "src_c/json.c",
        "log->visits[newest].object == r->top.object) {",
        "log->visits[newest].object == r->top.object + 1) {",
        c=("test_json", "fuzz_json"),
        python=(VECTORS,),
    ),
    Bug(
        "an anchor cover misses a branch",
        "src_c/compile_anchor.c",
        "for (uint32_t i = n->child; i != NODE_NONE; i = c->nodes[i].sibling) {",
        "for (uint32_t i = c->nodes[n->child].sibling; i != NODE_NONE; i = c->nodes[i].sibling) {",
        c=("test_engine",),
        python=(VECTORS,),
    ),
    Bug(
        "an integer is compared through a double",
        "src_c/value.c",
        "if (a->type == ME_INT && b->type == ME_INT) {\n",
        "if (a->type == ME_INT && b->type == ME_INT && (double)a->as.i == (double)b->as.i) {\n"
        "        return 0;\n    }\n    if (a->type == ME_INT && b->type == ME_INT) {\n",
        c=("test_value",),
        python=(VECTORS,),
    ),
    Bug(
        "a removed row stays in one cluster",
        "src_c/engine.c",
        "for (uint32_t i = list->count; i-- > 0;) {\n            place at",
        "for (uint32_t i = list->count; i-- > 1;) {\n            place at",
        c=("test_engine",),
        python=(MODEL,),
    ),
    Bug(
        "a moved row is not told",
        "src_c/file.c",
        "    p->row = to;\n",
        "    p->row = to == 0 ? p->row : to;\n",
        c=("test_engine", "test_match"),
        python=(MODEL,),
    ),
    Bug(
        "a needle that ends within another is lost",
        "src_c/needle_walk.c",
        "w->settled = w->hit(w->context, first) && w->settled;",
        "w->settled = (first != NULL || w->hit(w->context, first)) && w->settled;",
        c=("test_string_index",),
        python=(VECTORS, MODEL),
    ),
    Bug(
        "the ranges of a large cluster are read from its start",
        "src_c/match.c",
        "k->ranges + base, rows",
        "k->ranges, rows",
        python=("tests/matchengine/test_large_clusters.py",),
    ),
    Bug(
        "the rest of a large cluster is forgotten",
        "src_c/match.c",
        "if (m->next_row == c->count) {",
        "if (true) {",
        python=("tests/matchengine/test_large_clusters.py",),
    ),
    Bug(
        "a key is known longer than its path",
        "src_c/key_cache.h",
        "i < KEY_WAYS && line->version == c->version; i++",
        "i < KEY_WAYS; i++",
        c=("test_key_cache",),
        python=("tests/matchengine/test_key_cache.py",),
    ),
    Bug(
        "a constant is not marked",
        "src_c/acquire.c",
        "    e->infos[path].marks |= constants_mark(hash);\n",
        "",
        c=("test_engine",),
        python=(VECTORS,),
    ),
    Bug(
        "a failed add keeps its references",
        "src_c/engine.c",
        "            release_filter(e, stored.bytes, stored.length);\n",
        "",
        c=("test_engine_memory",),
    ),
    Bug(
        "the digest of a file is not compared",
        "matchengine/_format.py",
        "if hashlib.sha256(data[:end]).digest() != data[end:]:",
        "if False:",
        python=(FILES,),
    ),
    Bug(
        "the filters of a file are not checked",
        "matchengine/_snapshot.py",
        "    _check(filters, ids, limits)\n",
        "",
        python=(FILES,),
    ),
    Bug(
        "add_many adds one by one",
        "matchengine/matcher.py",
        "handles, refused = self._insert_many(irs, ids, numbers, warned)\n",
        "alone = [self._insert_many(*([x] for x in s), True) for s in zip(irs, ids, numbers)]\n"
        "                handles, refused = [h for hs, _ in alone for h in hs], None\n",
        python=(HISTORIES,),
    ),
    Bug(
        "replace takes the old filter out before the new one is in",
        "matchengine/_engine.pyx",
        "        status = _c.me_engine_replace(",
        '        _c.me_engine_replace(self.engine, number, <uint8_t *>b"\\2", 1, before, NULL)\n'
        "        _c.me_engine_write_unlock(self.engine)\n"
        "        self.write_lock()\n"
        "        status = _c.me_engine_replace(",
        python=(HISTORIES,),
    ),
    Bug(
        "a file is renamed before it is on the disk",
        "matchengine/_atomic.py",
        "        os.fsync(file.fileno())\n",
        "",
        python=(ATOMIC,),
    ),
    Bug(
        "a sum of integers wraps around",
        "src_c/arithmetic.c",
        "return over ? wide_value(wide_sum(a, b)) : value_of_int(a + b);",
        "return value_of_int((int64_t)((uint64_t)a + (uint64_t)b) + 0 * over);",
        c=("test_expression",),
        python=(VECTORS,),
    ),
    Bug(
        "dividing by zero is false and not unknown",
        "src_c/computation.c",
        "return by_zero ? ME_UNKNOWN : holds(relation, stack) ? ME_TRUE : ME_FALSE;",
        "return !by_zero && holds(relation, stack) ? ME_TRUE : ME_FALSE;",
        c=("test_expression",),
        python=(VECTORS,),
    ),
    Bug(
        "arithmetic takes another value of a path than the comparison beside it",
        "src_c/evaluate.c",
        "ev->numbers[entry];",
        "ev->numbers[ev->table[slot_newest(c->paths[wheel])]];",
        python=(VECTORS,),
    ),
    Bug(
        "a double that is whole computes as an integer",
        "src_c/encode.c",
        "ev->numbers[c->entries[k]] = arithmetic_operand(entry->value);",
        "ev->numbers[c->entries[k]] = arithmetic_operand(value_canonical(entry->value));",
        python=(VECTORS,),
    ),
    Bug(
        "what folds to a constant keeps the side it stood on",
        "src_c/expression.c",
        "op = mirrored[op - OP_EQ];",
        "(void)mirrored;",
        c=("test_expression",),
        python=(VECTORS,),
    ),
]


# ---- one tree ------------------------------------------------------------------------------------


def run(
    command: list[str | Path], tree: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(map(str, command)),
        cwd=tree,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60 * MINUTES,
        check=False,
    )


def copy_tree(to: Path) -> None:
    ignored = shutil.ignore_patterns("*.so", "__pycache__", "_*.c", "build", ".*")
    for name in COPIED:
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, to / name, ignore=ignored)
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy2(path, to / path.name)


def install(tree: Path, site: Path) -> str:
    """Build the tree and install it into `site`; returns what went wrong, or nothing."""
    shutil.rmtree(site, ignore_errors=True)
    done = run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", site, tree], tree
    )
    return done.stdout + done.stderr if done.returncode else ""


def c_fails(tree: Path, program: str) -> bool:
    built = f"../../build/c/plain/{program}"
    made = run(["make", "-s", "-C", "tests/c", "VARIANT=plain", "WARNINGS=-w", built], tree)
    if made.returncode:
        raise RuntimeError(f"{program} does not build: {made.stderr}")
    try:
        return run([tree / "build/c/plain" / program], tree).returncode != 0
    except subprocess.TimeoutExpired:
        return True


def python_fails(tree: Path, site: Path, argument: str) -> bool:
    pytest = Path(sys.executable).with_name("pytest")
    done = run([pytest, "-q", "-x", "-p", "no:cacheprovider", argument], tree, PYTHONPATH=str(site))
    if done.returncode < 0 or done.returncode == 134:  # the bug crashed it
        return True
    if done.returncode > 1:
        raise RuntimeError(f"{argument} does not run: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.returncode == 1


def caught_by(tree: Path, site: Path, bug: Bug) -> str:
    """The first of the tests that fails, or nothing. Those in C take seconds, so they go first."""
    for name in bug.c:
        if c_fails(tree, name):
            return name
    if bug.python and (problem := install(tree, site)):
        raise RuntimeError(f"the copy does not build: {problem[-3000:]}")
    for argument in bug.python:
        if python_fails(tree, site, argument):
            return Path(argument).name
    return ""


# ---- all of them ---------------------------------------------------------------------------------


def plant(tree: Path, file: str, old: str, new: str) -> str:
    """Change the copy; returns the file as it was."""
    path = tree / file
    text = path.read_text(encoding="utf-8")
    times = text.count(old)
    if times != 1:
        raise RuntimeError(f"{file} holds the place to change {times} times: {old!r}")
    path.write_text(text.replace(old, new), encoding="utf-8")
    return text


def unchanged_tree_passes(tree: Path, site: Path, bugs: list[Bug]) -> bool:
    everything = Bug(
        "nothing", "", "", "",
        c=tuple(sorted({name for bug in bugs for name in bug.c})),
        python=tuple(sorted({name for bug in bugs for name in bug.python})),
    )  # fmt: skip
    failing = caught_by(tree, site, everything)
    if failing:
        print(f"the unchanged tree fails {failing}")
    return not failing


def main(words: list[str]) -> int:
    bugs = [bug for bug in BUGS if not words or any(word in bug.name for word in words)]
    missed = 0
    with tempfile.TemporaryDirectory() as directory:
        tree, site = Path(directory, "tree"), Path(directory, "site")
        tree.mkdir()
        copy_tree(tree)
        if not unchanged_tree_passes(tree, site, bugs):
            return 1
        for bug in bugs:
            started = time.monotonic()
            original = plant(tree, bug.file, bug.old, bug.new)
            found = caught_by(tree, site, bug)
            (tree / bug.file).write_text(original, encoding="utf-8")
            missed += not found
            verdict = f"caught by {found}" if found else "MISSED"
            print(f"{bug.name:48} {verdict}  [{time.monotonic() - started:.0f} s]", flush=True)
    print(f"{len(bugs) - missed} of {len(bugs)} caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
