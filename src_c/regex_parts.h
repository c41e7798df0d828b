/* regex_parts.h - what the files of the regex compiler hand to each other (regex.h has the picture).
 *
 * The program. A block of instructions is entered at its first and left past its last, and jumps
 * are relative. So blocks are joined by standing side by side, and copied by copying their bytes:
 *
 *     x|y      split +  x  jump  y          x?      split  x
 *     x+       x  split -                   x*      split  x  split -
 *     x{2,4}   x  x  split  x  split  x     x{2,}   x  x  split -
 *
 * Invariants of a finished program:
 *   I1  the last instruction is REGEX_END, the only one
 *   I2  every jump leads to an instruction; every set exists
 *   I3  ranges of a set are in order, and do not touch; no two sets are equal
 */
#ifndef MATCHENGINE_REGEX_PARTS_H
#define MATCHENGINE_REGEX_PARTS_H

#include "regex.h"
#include "value.h"

/* ---- sets of code points (regex_set.c) ---------------------------------------------------------- */

typedef struct regex_range {
    uint32_t first, last;
} regex_range;

typedef struct regex_set {
    uint32_t start, count; /* of its ranges */
} regex_set;

/* The ranges behind those of the last set belong to the one that is being collected. */
typedef struct regex_sets {
    heap *heap;
    regex_range *ranges;
    uint32_t range_count, range_cap, range_most;
    regex_set *all;
    uint32_t count, cap;
} regex_sets;

void regex_sets_free(regex_sets *s);

/* Adds to the set that is being collected: a range, or the code points in (not in, when `negated`)
 * a category, which is one letter or two. ME_OK, ME_FILTER_LIMIT, ME_NOMEM. */
me_status regex_set_add(regex_sets *s, uint32_t first, uint32_t last);
me_status regex_set_add_category(regex_sets *s, const char *name, size_t length, bool negated);

/* Is there such a category? Surrogates (Cs) are no characters, and not asked for. */
bool regex_category_exists(const char *name, size_t length);

/* Ends the collecting: the number of the set, or of the equal one that was there. */
me_status regex_set_close(regex_sets *s, bool negated, uint16_t *number);

bool regex_set_has(const regex_range *ranges, uint32_t count, uint32_t point);

/* ---- literals (regex_literal.c) ------------------------------------------------------------------- */

#define REGEX_LITERAL 32u /* bytes; longer ones lose their end (or their start, at the finish) */

typedef struct regex_literal {
    uint32_t length;
    char bytes[REGEX_LITERAL];
} regex_literal;

/* What is known of all strings that a part of a regex matches. */
typedef struct regex_literals {
    bool exact; /* there is one such string, and `at` holds it three times */
    regex_literal at[REGEX_PLACES];
} regex_literals;

regex_literals regex_literals_exact(const char *bytes, size_t length); /* of a few bytes */
regex_literals regex_literals_none(void);
regex_literals regex_literals_join(const regex_literals *a, const regex_literals *b);
regex_literals regex_literals_either(const regex_literals *a, const regex_literals *b);
regex_literals regex_literals_repeat(const regex_literals *a, uint32_t least, uint32_t most);

/* ---- programs (regex_parse.c) --------------------------------------------------------------------- */

typedef enum regex_op {
    REGEX_SET,   /* a code point of `set`, then on */
    REGEX_SPLIT, /* on, and `jump` from here */
    REGEX_JUMP,  /* `jump` from here */
    REGEX_END
} regex_op;

typedef struct regex_instruction {
    uint16_t op, set;
    int32_t jump;
} regex_instruction;

typedef struct regex_program {
    heap *heap;
    regex_instruction *code;
    uint32_t count, cap;
    regex_sets sets;
    regex_literals literals;
} regex_program;

#define REGEX_FOREVER UINT32_MAX /* the `most` of x{n,} */

/* Anything but ME_OK leaves the program empty. `limits` may be NULL for what has passed them. */
me_status regex_parse(heap *h, const char *pattern, size_t length, const me_limits *limits,
                      regex_program *out, me_error *error);
void regex_program_free(regex_program *p);

/* The ends of its strings (regex_literal.c). False: no memory. */
bool regex_find_ends(const regex_program *p, regex_ends *out);

/* ---- columns (regex_columns.c) ------------------------------------------------------------------ */

#define REGEX_CLASSES 256u

/* Classes of code points that a program does not tell apart, and which of its instructions take
 * each. */
typedef struct regex_columns {
    heap *heap;
    uint32_t classes;
    uint8_t ascii[128]; /* classes of code points; of others: */
    uint32_t *bounds;   /* first code points of stretches of one class; the first is 0x80 */
    uint8_t *bound_classes;
    uint32_t bound_count, bound_cap, bound_class_cap;
    uint64_t *masks; /* [class][words]: bits of the instructions that take it */
    uint32_t words, mask_cap;
} regex_columns;

/* ME_OK, ME_FILTER_LIMIT (too many classes), ME_NOMEM. To be freed in any case. */
me_status regex_columns_make(heap *h, const regex_program *p, regex_columns *out);
void regex_columns_free(regex_columns *c);

static inline uint32_t regex_lowest(uint64_t bits)
{
#if defined(__GNUC__)
    return (uint32_t)__builtin_ctzll(bits);
#else
    uint32_t at = 0;
    while ((bits >> at & 1) == 0) {
        at++;
    }
    return at;
#endif
}

/* ---- tables (regex_table.c) ----------------------------------------------------------------------- */

#define REGEX_TABLE_ROWS 1024u
#define REGEX_TABLE_CELLS 16384u
#define REGEX_TABLE_WORK (1u << 18) /* instructions passed while it is made */

/* Row 0 is that of no instruction: nothing matches any more. Row 1 is the start. */
typedef struct regex_table {
    heap *heap;
    uint32_t rows;
    uint16_t *cells; /* [row][class]: where the row begins that comes next */
    uint32_t cell_cap;
    uint8_t *accepts; /* by row */
    uint32_t accept_cap;
} regex_table;

/* ME_OK, ME_FILTER_LIMIT (it would be too large, or take too long), ME_NOMEM. The table is to be
 * freed in any case. */
me_status regex_table_make(heap *h, const regex_program *p, const regex_columns *c,
                           regex_table *out);
void regex_table_free(regex_table *t);

/* ---- what is kept (regex.c) ----------------------------------------------------------------------- */

/* The quickest first. One is taken when those before it would be too large. */
typedef enum regex_form { REGEX_TABLE, REGEX_BITS, REGEX_PROGRAM } regex_form;

/* One block: the head, then in this order, each aligned to 8 bytes,
 *
 *     REGEX_TABLE      cells  accepts                bounds  bound_classes  ascii  literals
 *     REGEX_BITS       code  masks  settled          bounds  bound_classes  ascii  literals
 *     REGEX_PROGRAM    code  sets  ranges                                          literals
 */
struct regex {
    uint32_t size; /* of the block */
    regex_form form;
    uint32_t count; /* instructions */
    uint32_t classes, bound_count;
    const uint32_t *bounds;
    const uint8_t *bound_classes;
    const uint8_t *ascii;
    const regex_instruction *code;
    union {
        struct {
            const uint16_t *cells;
            const uint8_t *accepts;
        };
        struct {
            const uint64_t *masks;
            const uint64_t *settled; /* bits of sets and the end: what can wait */
            uint32_t words;
        };
        struct {
            const regex_set *sets;
            const regex_range *ranges;
            uint32_t set_count;
        };
    };
    const char *literals; /* one after the other */
    uint8_t lengths[REGEX_PLACES];
};

/* regex_compile, with no quicker form than this one. */
regex *regex_compile_as(heap *h, const char *pattern, size_t length, regex_form quickest,
                        regex_ends *ends);

/* Of a code point beyond ASCII. */
uint32_t regex_class_of(const regex *r, uint32_t point);

/* The class of the code point at `*at`, which is stepped over. */
static inline uint32_t regex_class_at(const regex *r, const char *text, size_t length, size_t *at)
{
    unsigned char c = (unsigned char)text[*at];
    if (c < 0x80) {
        ++*at;
        return r->ascii[c];
    }
    return regex_class_of(r, utf8_next(text, length, at));
}

/* ---- bits (regex_bits.c) -------------------------------------------------------------------------- */

size_t regex_bits_bytes(const regex *r); /* of `state` */
bool regex_match_bits(const regex *r, const char *text, size_t length, uint64_t *state,
                      uint64_t *rows);

/* ---- all ways at once (regex_follow.c) ------------------------------------------------------------ */

/* The instructions that wait for a code point, or are the end. `marks` are all 0 at first. */
typedef struct regex_ways {
    const regex_instruction *code;
    uint16_t *waiting, *stack; /* each with room for all instructions */
    uint32_t *marks;           /* of instructions that were reached in this round */
    uint32_t count, round;
} regex_ways;

/* Begins a new round, with nothing waiting. */
static inline void regex_ways_start(regex_ways *w)
{
    w->count = 0;
    w->round++;
}

/* Adds what instruction `from` leads to. Returns the instructions passed. */
uint32_t regex_ways_add(regex_ways *w, uint32_t from);

/* The match of a REGEX_PROGRAM. `*steps`, of whatever it was, grows by the instructions passed. */
size_t regex_follow_bytes(const regex *r); /* of `state` */
bool regex_follow(const regex *r, const char *text, size_t length, uint64_t *state,
                  uint64_t *steps);

#endif
