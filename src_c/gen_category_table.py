"""Write category_table.h: the general category of every code point, as stretches.

    python3 gen_category_table.py > category_table.h

A stretch is the code points from its first to the one before the next stretch, all of one
category. Its entry is one number, the first code point and the category's place in `CATEGORIES`.
Code points that Unicode has not assigned are Cn, surrogates are Cs.
"""

import sys
import unicodedata

#: In the order of their letters, so that those of one first letter are neighbours.
CATEGORIES = [
    "Cc", "Cf", "Cn", "Co", "Cs", "Ll", "Lm", "Lo", "Lt", "Lu", "Mc", "Me", "Mn", "Nd", "Nl", "No",
    "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "Sc", "Sk", "Sm", "So", "Zl", "Zp", "Zs",
]  # fmt: skip

HEAD = """\
/* category_table.h - general categories of Unicode {version}. Generated; do not edit.
 *
 * To regenerate: python3 gen_category_table.py > category_table.h
 *
 * An entry is the first code point of a stretch, times 32, plus the number of its category, whose
 * two letters are in category_names. Stretches are in order and leave nothing out.
 */
#ifndef MATCHENGINE_CATEGORY_TABLE_H
#define MATCHENGINE_CATEGORY_TABLE_H

#include <stdint.h>

/* clang-format off */
static const char category_names[][3] = {{
{names}
}};

static const uint32_t category_table[] = {{
"""

TAIL = """\
};
/* clang-format on */

#endif
"""


def stretches() -> list[int]:
    """Return the entries of the table."""
    entries: list[int] = []
    before = -1
    for code in range(sys.maxunicode + 1):
        category = CATEGORIES.index(unicodedata.category(chr(code)))
        if category != before:
            entries.append(code * 32 + category)
            before = category
    return entries


def rows(texts: list[str], width: int) -> str:
    """Join texts into lines of `width` of them."""
    lines = [texts[at : at + width] for at in range(0, len(texts), width)]
    return "\n".join("    " + " ".join(f"{text}," for text in line) for line in lines)


def main() -> None:
    """Write the header to standard output."""
    names = rows([f'"{name}"' for name in CATEGORIES], 12)
    sys.stdout.write(HEAD.format(version=unicodedata.unidata_version, names=names))
    sys.stdout.write(rows([f"0x{entry:07X}" for entry in stretches()], 8) + "\n")
    sys.stdout.write(TAIL)


if __name__ == "__main__":
    main()
