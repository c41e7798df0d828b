/* regex.h - does a string match an I-Regexp (RFC 9485)? Linear in the string, whatever the regex.
 *
 * The whole string is tested, code point by code point. A regex becomes a small program of four
 * instructions, and the program becomes a table where that is small:
 *
 *     (ab|c)+x            0 split 4   either what follows, or 4 on
 *                         1 set a
 *                         2 set b
 *                         3 jump 2
 *                         4 set c
 *                         5 split -5  again, or on
 *                         6 set x
 *                         7 end
 *
 *     table               other  a  b  c  x       rows are sets of instructions that wait for the
 *     A {1 4}               -    B  -  C  -       next code point, columns classes of code points
 *     B {2}                 -    -  C  -  -       that no set of the regex tells apart
 *     C {1 4 6}             -    B  -  C  D
 *     D {7} accepts         -    -  -  -  -
 *
 * Only sets of instructions that some string reaches get a row. A regex whose table would be large
 * (they can be exponential: (a|b)*a(a|b){20}) stays a program, and all the ways through it are
 * followed at once, 64 instructions at a time: each at most once per code point. Nothing ever
 * backtracks.
 *
 *     regex_parse.c     text -> program; errors and their places; repetition is copied out
 *     regex_set.c       sets of code points: ranges, \p{Lu}, negation
 *     regex_literal.c   what every matching string holds: the anchor of a filter
 *     regex_columns.c   code points that a program does not tell apart
 *     regex_table.c     program -> table
 *     regex_bits.c      matching without a table, by bits
 *     regex_follow.c    the same without bits, where there are too many kinds of characters
 *     regex.c           one block of memory of it all
 *
 * What grammar and bounds are is in docs/semantics.md, MATCHES. In short: no ^ $ as anchors (they
 * are ordinary characters), no \d \w, no lazy or possessive quantifiers, no groups that start with
 * `?`, no backreferences.
 */
#ifndef MATCHENGINE_REGEX_H
#define MATCHENGINE_REGEX_H

#include "heap.h"
#include "matchengine.h"

/* Instructions of a regex, whatever the limits say. */
#define REGEX_STATES_MOST 16384u

typedef struct regex regex;

/* Is this (valid UTF-8) a regex? ME_OK, ME_SYNTAX (offset and message, as in parse.h),
 * ME_FILTER_LIMIT or ME_NOMEM. Holds no memory afterwards. The limits are
 *
 *     regex_states    instructions, after {n,m} has been copied out; also n and m
 *     regex_ranges    of its different sets of code points together
 *     regex_depth     parentheses open at one place
 *     filter_states   `*states`, to which its instructions are added
 */
me_status regex_check(heap *h, const char *pattern, size_t length, const me_limits *limits,
                      uint64_t *states, me_error *error);

/* Bytes that a matching string may begin and end with, as sets of 256 bits. Other strings need not
 * be tried. */
typedef struct regex_ends {
    uint64_t first[4], last[4];
    bool empty; /* the empty string matches */
} regex_ends;

/* The pattern has passed regex_check. NULL: no memory. The regex is one block that never changes,
 * so any number of threads may use it. `ends` may be NULL. */
regex *regex_compile(heap *h, const char *pattern, size_t length, regex_ends *ends);
void regex_free(heap *h, regex *r); /* NULL is fine */

/* Words of scratch memory that regex_match needs; 0 when it has a table. */
uint32_t regex_state_words(const regex *r);

/* More scratch memory, for long strings: without it (NULL) they take longer. */
#define REGEX_ROW_WORDS 32768u
#define REGEX_ROWS_FROM 64u /* bytes of such a string */

/* Never fails. A few nanoseconds a code point with a table, or where the string repeats itself; else
 * a step for every 64 instructions, and for each split or jump that they lead to. */
bool regex_match(const regex *r, const char *text, size_t length, uint64_t *state, uint64_t *rows);

/* May a string with these ends match? */
static inline bool regex_ends_fit(const regex_ends *e, const char *text, size_t length)
{
    if (length == 0) {
        return e->empty;
    }
    unsigned char a = (unsigned char)text[0], b = (unsigned char)text[length - 1];
    return (e->first[a / 64] >> a % 64 & e->last[b / 64] >> b % 64 & 1) != 0;
}

/* Bytes that every matching string holds: at its start, at its end, or anywhere. Lengths may be 0.
 * They need not be whole code points. */
typedef struct regex_needle {
    const char *bytes;
    uint32_t length;
} regex_needle;

typedef enum regex_place { REGEX_START, REGEX_FINISH, REGEX_INNER, REGEX_PLACES } regex_place;
regex_needle regex_literal_at(const regex *r, regex_place place);

#endif
