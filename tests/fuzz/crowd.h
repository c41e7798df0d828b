/* crowd.h - filters of which many are alike.
 *
 *     a < 1.0, a < 1.1, a < 1.2, ...      one cluster with a tail of any length
 */
#ifndef MATCHENGINE_FUZZ_CROWD_H
#define MATCHENGINE_FUZZ_CROWD_H

#include "grammar.h"

/* Many alike, by number: clusters with tails of every length. */
static inline void write_numbered(page *t, uint32_t shape, uint32_t number)
{
    static const char *const shapes[] = {
        "s = 'abc' AND b > %u",
        "a < 1.%u",
        "a BETWEEN %u AND 9",
        "b IN (%u, 'ab')",
        "STARTS_WITH(s, 'ab') AND a <> %u",
        "b = %u OR a > 3",
        "EXISTS(s) AND NOT (a = %u)",
    };
    t->length = (size_t)snprintf(t->at, TEXT_ROOM, shapes[shape % 7], number);
}

/* By a string: literals that lie within each other. */
static inline void write_worded(page *t, uint32_t shape, uint32_t number)
{
    static const char *const shapes[] = {
        "CONTAINS(s, '%s')", "s LIKE '%%%s%%'", "ENDS_WITH(s, '%s')",   "s ILIKE '%s%%'",
        "s >= '%s'",         "s = '%s'",        "STARTS_WITH(a, '%s')",
    };
    const char *word = strings[number % (sizeof strings / sizeof *strings)];
    t->length = (size_t)snprintf(t->at, TEXT_ROOM, shapes[shape % 7], word);
}

/* By a number ever closer to 1: there is no room for labels in the end. */
static inline void write_squeezed(page *t, uint32_t shape, uint32_t number)
{
    static const char *const shapes[] = {
        "a < %.17g",
        "a >= %.17g AND b = 1",
        "s = 'abc' AND a > %.17g",
        "b BETWEEN %.17g AND 2",
        "EXISTS(s) AND (a < %.17g OR b = 2)",
        "NOT (a <= %.17g)",
        "(b > %.17g OR a IS NULL) AND b < 5",
    };
    double by = 1.0 / (double)(UINT64_C(1) << number % 52);
    t->length = (size_t)snprintf(t->at, TEXT_ROOM, shapes[shape % 7], 1 + by);
}

static void (*const crowd_writers[])(page *, uint32_t, uint32_t) = {
    write_numbered,
    write_worded,
    write_squeezed,
};

#endif
