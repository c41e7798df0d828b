/* value_set.h - the values that satisfy one leaf, as a set, and when one set lies in another.
 *
 * A leaf looks at the values of one path one by one (arrays!), so what it says of a single value is
 * all there is to know about it:
 *
 *     a = 5, a IN (..)     FINITE    members in order, each once
 *     a < 5, BETWEEN,      SPAN      all values of a type between two cuts
 *     STARTS_WITH
 *     a <> 5               OTHER     all values of its type but one
 *     LIKE, MATCHES, ..    PATTERN   some strings
 *     EXISTS(a)            ANY       whatever there is, null included
 *     a > 1e999            EMPTY
 *
 * What can be written in several ways is brought into one: BETWEEN 5 AND 5 is FINITE, LIKE 'ab%' a
 * SPAN, LIKE '%ab' what ENDS_WITH 'ab' is.
 *
 * A cut is a place between values: before v, or after v. Values are not dense: after the string
 * 'a' comes 'a\0' and nothing in between, after the double 1.0 the next double, after 2^60 the
 * integer 2^60 + 1. Two cuts with no value between them are one cut, so that > 5 and >= the next
 * double are the same span, and comparing spans is exact.
 *
 *     ... v  |  w ...         after v == before w, when nothing lies between v and w
 */
#ifndef MATCHENGINE_VALUE_SET_H
#define MATCHENGINE_VALUE_SET_H

#include "arena.h"
#include "filter.h"
#include "value.h"

typedef enum set_kind {
    SET_EMPTY,
    SET_FINITE,
    SET_SPAN,
    SET_OTHER,
    SET_PATTERN,
    SET_ANY,
} set_kind;

typedef enum cut_side { CUT_BEFORE, CUT_AFTER, CUT_END } cut_side; /* END: after all strings */

typedef struct cut {
    me_value value; /* canonical */
    cut_side side;
} cut;

typedef struct value_set {
    set_kind kind;
    filter_op op;            /* PATTERN: SUFFIX, CONTAINS, LIKE, ILIKE, MATCHES */
    uint32_t count;          /* FINITE: of members, which are canonical */
    const me_value *members; /* FINITE; the one that OTHER leaves out */
    cut low, high;           /* SPAN: from `low` on, up to `high` */
    me_value text, escape;   /* PATTERN: as the leaf has them; a SPAN of a prefix: the prefix */
} value_set;

/* The set of a leaf other than IS NULL. What it points to lives as long as `leaf` and `a` do.
 * False: no memory. */
bool value_set_read(const filter_node *leaf, arena *a, value_set *out);

/* Is every member of `a` one of `b`? Exact but for patterns, where false may mean "who knows".
 * Linear in what is written; compiling a pattern is spent from `left` (effort.h), and where that does
 * not suffice, nobody knows. */
bool value_set_within(const value_set *a, const value_set *b, uint64_t *left);

/* May some value be in both? Exact but for patterns, where true may mean "who knows". */
bool value_set_meets(const value_set *a, const value_set *b, uint64_t *left);

/* Is this value (canonical, not null) a member? For patterns false may mean that memory is out. */
bool value_set_has(const value_set *s, const me_value *v);

/* A member, small or large as far as that is easy; false when none is at hand. Memory from `a`. */
bool value_set_member(const value_set *s, bool large, arena *a, me_value *out);

#endif
