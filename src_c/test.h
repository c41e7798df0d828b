/* test.h - one predicate, compiled: an interval test on a number that stands for a value.
 *
 * While an event is matched, every subscribed path p has a row in a table of uint32, of which two
 * numbers are tested:
 *
 *     table[4p]      the *code*:  which value exactly, among the constants used with = and IN
 *     table[4p + 1]  the *label*: where the value lies among the cuts used by ranges (cuts.h)
 *
 *     code   0 missing  1 null  2 false  3 true  4 NaN  [NUMBERS ...  [STRINGS ...   MANY
 *     label  0 missing  1 null  2 false  3 true  4 NaN  [numbers ...  [strings ...   MANY  LAZY
 *
 * NUMBERS itself is "a number that no constant equals", STRINGS likewise, so types, presence,
 * equality and order are all intervals:
 *
 *     a = 'x'   code  [c, c]              a IS NULL   code [0, 1]
 *     a < 10    label [numbers, L-1]      EXISTS(a)   code [1, ...]
 *
 * and one comparison, `x - lo <= width` without sign, answers each. A path with several values has
 * MANY in both places and its values in a chain; that is the slow path of verify.c. A label is LAZY
 * until somebody asks for it: most are never needed.
 *
 * T_ tests hold when the leaf is true, F_ tests when it is false (unknown is neither): the leaf is
 * false when the path is there, no value is null, and no value satisfies it. F_ tests are how NOT
 * is compiled, so every compiled formula is monotone: no NOT is left in it.
 */
#ifndef MATCHENGINE_TEST_H
#define MATCHENGINE_TEST_H

#include <stdbool.h>
#include <stdint.h>

#define CODE_MISSING 0u
#define CODE_NULL 1u
#define CODE_FALSE 2u
#define CODE_TRUE 3u
#define CODE_NAN 4u
#define CODE_NUMBERS 0x20000000u /* + 1 + constant number */
#define CODE_STRINGS 0x90000000u /* + 1 + constant number */
#define CODE_CONSTANTS_MAX 0x6FFFFFF0u
#define CODE_MANY UINT32_MAX

#define LABEL_NUMBERS 0x10u
#define LABEL_NUMBERS_END 0x7FFFFFFFu
#define LABEL_STRINGS 0x80000000u
#define LABEL_STRINGS_END 0xFFFFFFF0u
#define LABEL_LAZY (UINT32_MAX - 1)
#define LABEL_NEVER 0xFFFFFFF8u /* no value has this label or code: the empty interval */

typedef enum test_kind {
    T_INTERVAL, /* lo, width */
    F_INTERVAL,
    T_OTHER, /* <>: of the type of the code `lo`, and another value */
    F_OTHER,
    T_SET, /* lo: number of a set of codes */
    F_SET,
    T_PATTERN, /* lo: number of a string pattern; slot is the path's code */
    F_PATTERN,
    T_PROGRAM,      /* lo: number of a program; the slot means nothing */
    T_COMPUTE = 10, /* lo: number of a computation; slot is the code of its rarest path */
    F_COMPUTE,
} test_kind;

typedef struct test {
    uint32_t what; /* kind in the top 4 bits, slot in the rest */
    uint32_t lo;
    uint32_t width;
} test;

#define TEST_SLOT_MASK 0x0FFFFFFFu
#define TABLE_ROW 4u /* numbers in the table per path: code, label, newest log entry, none */

static inline test test_make(test_kind kind, uint32_t slot, uint32_t lo, uint32_t width)
{
    test t = {(uint32_t)kind << 28 | slot, lo, width};
    return t;
}

static inline test_kind test_kind_of(const test *t)
{
    return (test_kind)(t->what >> 28);
}

static inline uint32_t test_slot(const test *t)
{
    return t->what & TEST_SLOT_MASK;
}

static inline uint32_t test_path(const test *t)
{
    return test_slot(t) / TABLE_ROW;
}

static inline uint32_t slot_code(uint32_t path)
{
    return TABLE_ROW * path;
}

static inline uint32_t slot_label(uint32_t path)
{
    return TABLE_ROW * path + 1;
}

static inline uint32_t slot_newest(uint32_t path)
{
    return TABLE_ROW * path + 2;
}

/* The opposite polarity of a leaf's test. */
static inline test test_opposite(test t)
{
    t.what ^= 1u << 28;
    return t;
}

/* Does the single value (never MANY) with number `x` satisfy `<> code`? */
static inline bool code_is_other(uint32_t x, uint32_t code)
{
    if (code < CODE_NAN) {
        return x + code == CODE_FALSE + CODE_TRUE && x != code;
    }
    bool same_type =
        code >= CODE_STRINGS ? x >= CODE_STRINGS : x >= CODE_NUMBERS && x < CODE_STRINGS;
    return same_type && x != code;
}

#endif
