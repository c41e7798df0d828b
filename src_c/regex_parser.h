/* regex_parser.h - what the two files of the regex parser share.
 *
 * Every function that returns bool reads what it is named after and steps over it; false means
 * that `status` and `error` say why not.
 */
#ifndef MATCHENGINE_REGEX_PARSER_H
#define MATCHENGINE_REGEX_PARSER_H

#include "regex_parts.h"

/* What an open parenthesis knows (regex_parse.c has a drawing). */
typedef struct regex_level {
    uint32_t start, branch, jumps;
    regex_literals branches; /* what those that are complete have in common, if `jumps` */
    regex_literals here;     /* of this one, as far as it has been read */
} regex_level;

typedef struct regex_parser {
    const char *text;
    size_t length, at;
    regex_program *out;
    const me_limits *limits; /* NULL: it has passed them */
    me_error *error;
    me_status status;
    regex_level now;
    regex_level *outer; /* the levels around it, outermost first */
    uint32_t depth, cap;
} regex_parser;

/* The byte at hand, or -1 at the end. */
static inline int regex_peek(const regex_parser *p)
{
    return p->at < p->length ? (unsigned char)p->text[p->at] : -1;
}

static inline bool regex_at(const regex_parser *p, char c)
{
    return p->at < p->length && p->text[p->at] == c;
}

/* Each sets the error and returns false: the character at `at` is not what it must be; the regex
 * comes to more than the bound of this name. */
bool regex_unexpected(regex_parser *p, size_t at, const char *expected);
bool regex_beyond(regex_parser *p, const char *name, uint64_t value, uint64_t maximum);

/* Takes over what a function of regex_set.c returned. */
bool regex_good(regex_parser *p, me_status status);

/* ---- regex_class.c ------------------------------------------------------------------------------ */

/* After a backslash: n, t, (, ... */
bool regex_escaped(regex_parser *p, uint32_t *point);

/* After \\p or \\P: {Lu}. Adds the category to the set that is being collected. */
bool regex_category(regex_parser *p, bool negated);

/* After a [. */
bool regex_class(regex_parser *p, uint16_t *set);

#endif
