/* regex_bits.c - matching with a program whose table would be large: its instructions as bits.
 *
 * What is waiting is a set of bits. A code point takes those of its class's mask, all of them move on
 * by one, 64 at a time, and only where that leads to a split or a jump is an instruction looked at
 * by itself:
 *
 *     .*a.{3}           0 split 3   1 set .   2 split 1   3 set a   4 set .   5 set .   6 set .   7 end
 *     waiting           01.1.1..   (1, 3 and 5, say)
 *     mask of `b`       01..111.
 *     & and moved on    ..1...1.   -> 6 waits; 2 is a split, which leads to 1 and 3
 *
 * In a long string the sets of bits come again. So they are kept as rows of a table that is made
 * while it is used: a cell says which row comes next, and is found out when it is first asked for.
 * Its memory is the caller's, of fixed size. When it is full, all rows are forgotten, or, where a
 * row was hardly ever used again, no more are made for this string. Without that memory, everything
 * works as well.
 *
 *     slots: rows by hash | row 1: bits, cells | row 2: bits, cells | ...
 */
#include <string.h>

#include "regex_parts.h"

#define FOLLOWED 32u /* bytes of a long string that are followed before rows are made */
#define SLOTS 2048u
#define SLOT_WORDS (SLOTS * sizeof(uint16_t) / sizeof(uint64_t))
#define ROWS_MOST 1000u
#define ROWS_LEAST 16u
#define REUSE 8u /* code points for each row that make it worth while to begin anew */

#define ROW_UNKNOWN 0u
#define ROW_NOTHING UINT16_MAX /* nothing can match any more */

typedef struct walk {
    const regex *r;
    uint64_t *waiting, *next, *seen;
    uint16_t *stack;
    uint64_t *rows; /* NULL: no more */
    uint32_t count, most, stride;
    size_t points; /* since rows were forgotten */
} walk;

size_t regex_bits_bytes(const regex *r)
{
    return 3 * r->words * sizeof(uint64_t) + (r->count + 4) * sizeof(uint16_t);
}

/* ---- one code point ----------------------------------------------------------------------------- */

static bool has(const uint64_t *bits, uint32_t at)
{
    return (bits[at / 64] >> at % 64 & 1) != 0;
}

static void reach(walk *w, uint32_t at, uint32_t *height)
{
    uint64_t bit = UINT64_C(1) << at % 64;
    if (has(w->r->settled, at)) {
        w->next[at / 64] |= bit;
    } else if ((w->seen[at / 64] & bit) == 0) {
        w->seen[at / 64] |= bit;
        w->stack[(*height)++] = (uint16_t)at;
    }
}

/* All that the splits and jumps on the stack lead to. */
static void pass(walk *w, uint32_t height)
{
    while (height > 0) {
        uint32_t at = w->stack[--height];
        const regex_instruction *code = &w->r->code[at];
        reach(w, (uint32_t)((int32_t)at + code->jump), &height);
        if (code->op == REGEX_SPLIT) {
            reach(w, at + 1, &height);
        }
    }
}

/* From `from` to w->next by a code point of the class. Is there any way left? */
static bool step(walk *w, const uint64_t *from, uint32_t class)
{
    const regex *r = w->r;
    const uint64_t *takes = r->masks + (size_t)class * r->words;
    uint64_t carry = 0, any = 0;
    uint32_t height = 0;
    for (uint32_t i = 0; i < r->words; i++) {
        uint64_t taken = from[i] & takes[i], moved = taken << 1 | carry;
        carry = taken >> 63;
        any |= moved;
        w->next[i] = moved & r->settled[i];
        w->seen[i] = moved & ~r->settled[i];
        for (uint64_t bits = w->seen[i]; bits != 0; bits &= bits - 1) {
            w->stack[height++] = (uint16_t)(i * 64 + regex_lowest(bits));
        }
    }
    pass(w, height);
    return any != 0;
}

static void begin(walk *w)
{
    uint32_t height = 0;
    memset(w->next, 0, w->r->words * sizeof *w->next);
    memset(w->seen, 0, w->r->words * sizeof *w->seen);
    reach(w, 0, &height);
    pass(w, height);
}

static void swap(walk *w)
{
    uint64_t *swapped = w->waiting;
    w->waiting = w->next;
    w->next = swapped;
}

/* ---- rows --------------------------------------------------------------------------------------- */

static uint64_t *bits_of(const walk *w, uint32_t row)
{
    return w->rows + SLOT_WORDS + (size_t)(row - 1) * w->stride;
}

static uint16_t *cells_of(const walk *w, uint32_t row)
{
    return (uint16_t *)(bits_of(w, row) + w->r->words);
}

static void forget_rows(walk *w)
{
    memset(w->rows, 0, SLOT_WORDS * sizeof *w->rows);
    w->count = 0;
    w->points = 0;
}

static void use_rows(walk *w, uint64_t *rows)
{
    w->stride = w->r->words + (w->r->classes + 3) / 4;
    uint32_t most = (REGEX_ROW_WORDS - (uint32_t)SLOT_WORDS) / w->stride;
    w->most = most < ROWS_MOST ? most : ROWS_MOST;
    w->rows = w->most >= ROWS_LEAST ? rows : NULL;
    if (w->rows != NULL) {
        forget_rows(w);
    }
}

/* The row of these bits, a new one when there is none; ROW_UNKNOWN: no room. */
static uint32_t row_of(walk *w, const uint64_t *bits)
{
    size_t size = w->r->words * sizeof *bits;
    uint16_t *slots = (uint16_t *)w->rows;
    /* Another seed could make zeros of the words, which are zeros often. */
    uint32_t i = (uint32_t)(hash_bytes((const char *)bits, size, 0) >> 32) % SLOTS;
    for (; slots[i] != 0; i = (i + 1) % SLOTS) {
        if (memcmp(bits_of(w, slots[i]), bits, size) == 0) {
            return slots[i];
        }
    }
    if (w->count == w->most) {
        return ROW_UNKNOWN;
    }
    slots[i] = (uint16_t)++w->count;
    memcpy(bits_of(w, w->count), bits, size);
    memset(cells_of(w, w->count), 0, w->r->classes * sizeof(uint16_t));
    return w->count;
}

/* Is full: begin anew, or do without. The bits at hand are in `next`. */
static uint32_t start_over(walk *w)
{
    if (w->points < (size_t)REUSE * w->most) {
        w->rows = NULL;
        return ROW_UNKNOWN;
    }
    forget_rows(w);
    return row_of(w, w->next);
}

/* The row after `row`, found out. ROW_UNKNOWN: the bits are in `next`, and there are no rows. */
static uint32_t find_next(walk *w, uint32_t row, uint32_t class)
{
    if (!step(w, bits_of(w, row), class)) {
        cells_of(w, row)[class] = ROW_NOTHING;
        return ROW_NOTHING;
    }
    uint32_t next = row_of(w, w->next);
    if (next == ROW_UNKNOWN) {
        return start_over(w);
    }
    cells_of(w, row)[class] = (uint16_t)next;
    return next;
}

/* From `at` on by rows, to the end or until there are none. False: nothing matches any more. */
static bool walk_rows(walk *w, const char *text, size_t length, size_t *at)
{
    uint32_t row = row_of(w, w->waiting);
    while (*at < length) {
        uint32_t class = regex_class_at(w->r, text, length, at);
        uint32_t next = cells_of(w, row)[class];
        w->points++;
        if (next == ROW_UNKNOWN) {
            next = find_next(w, row, class);
            if (next == ROW_UNKNOWN) {
                swap(w);
                return true;
            }
        }
        if (next == ROW_NOTHING) {
            return false;
        }
        row = next;
    }
    memcpy(w->waiting, bits_of(w, row), w->r->words * sizeof *w->waiting);
    return true;
}

/* ---- the whole ---------------------------------------------------------------------------------- */

bool regex_match_bits(const regex *r, const char *text, size_t length, uint64_t *state,
                      uint64_t *rows)
{
    walk w = {.r = r, .waiting = state, .next = state + r->words, .seen = state + 2 * r->words};
    w.stack = (uint16_t *)(w.seen + r->words);
    begin(&w);
    swap(&w);
    size_t at = 0, plain = length >= REGEX_ROWS_FROM && rows != NULL ? FOLLOWED : length;
    while (at < plain) {
        if (!step(&w, w.waiting, regex_class_at(r, text, length, &at))) {
            return false;
        }
        swap(&w);
    }
    if (at < length) {
        use_rows(&w, rows);
    }
    if (w.rows != NULL && !walk_rows(&w, text, length, &at)) {
        return false;
    }
    while (at < length) {
        if (!step(&w, w.waiting, regex_class_at(r, text, length, &at))) {
            return false;
        }
        swap(&w);
    }
    return has(w.waiting, r->count - 1);
}
