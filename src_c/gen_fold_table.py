"""Write fold_table.h: simple case folding as ranges of code points.

    python3 gen_fold_table.py > fold_table.h

A character folds to its casefold() when that is one character, else to its lower() when that is
one character, else to itself. Neighbours with one distance to their folded form share a range; in
alphabets that alternate (capital, small, capital, ...) every second code point folds, so a range
has a stride of 1 or 2.
"""

import sys
import unicodedata

HEAD = """\
/* fold_table.h - simple case folding of Unicode {version}. Generated; do not edit.
 *
 * To regenerate: python3 gen_fold_table.py > fold_table.h
 *
 * A range folds every `stride`-th code point from `first` to `last` by adding `delta`. Ranges are
 * in order and do not overlap.
 */
#ifndef MATCHENGINE_FOLD_TABLE_H
#define MATCHENGINE_FOLD_TABLE_H

#include <stdint.h>

typedef struct fold_range {{
    uint32_t first, last;
    int32_t delta;
    uint32_t stride;
}} fold_range;

/* clang-format off */
static const fold_range fold_table[] = {{
"""

TAIL = """\
};
/* clang-format on */

#endif
"""


def fold(character: str) -> str:
    """Return the character that stands for `character` when case does not matter."""
    for folded in (character.casefold(), character.lower()):
        if len(folded) == 1:
            return folded
    return character


def mappings() -> dict[int, int]:
    """Return the code points above ASCII that fold to another one."""
    found = {}
    for code in range(0x80, sys.maxunicode + 1):
        if not 0xD800 <= code <= 0xDFFF:
            folded = fold(chr(code))
            assert fold(folded) == folded
            if ord(folded) != code:
                found[code] = ord(folded)
    return found


def ranges(table: dict[int, int]) -> list[tuple[int, int, int, int]]:
    """Join code points with one delta and one stride into (first, last, delta, stride)."""
    result: list[tuple[int, int, int, int]] = []
    for code, folded in sorted(table.items()):
        if result:
            first, last, delta, stride = result[-1]
            step = code - last
            if folded - code == delta and (step == stride or (first == last and step <= 2)):
                result[-1] = (first, code, delta, step)
                continue
        result.append((code, code, folded - code, 1))
    return result


def main() -> None:
    """Write the header to standard output."""
    sys.stdout.write(HEAD.format(version=unicodedata.unidata_version))
    for first, last, delta, stride in ranges(mappings()):
        sys.stdout.write(f"    {{0x{first:05X}, 0x{last:05X}, {delta}, {stride}}},\n")
    sys.stdout.write(TAIL)


if __name__ == "__main__":
    main()
