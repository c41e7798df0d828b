/* parser.h - what the three files of the parser share (parse.h has the picture).
 *
 * Every function that returns bool reads what it is named after and steps over it; false means
 * that `status` and `error` say why not.
 */
#ifndef MATCHENGINE_PARSER_H
#define MATCHENGINE_PARSER_H

#include "bind.h"
#include "lex.h"
#include "parse.h"

/* What stands between two parentheses, as far as it has been read: operands of the OR, operands of
 * its last AND, and NOTs in front of the operand that comes next. */
typedef struct group {
    uint32_t ors, ands, nots;
} group;

typedef struct parser {
    lexer lex;
    token now; /* one token of lookahead */
    filter_writer *out;
    const me_limits *limits;
    me_error *error;
    me_status status;
    uint64_t depth;      /* parentheses and NOTs that are open */
    uint64_t predicates; /* leaves so far */
    uint64_t states;     /* of their regexes */
    group group;
    group *outer; /* the groups around it, outermost first */
    uint32_t outer_count, outer_cap;
    bindings bindings;
    char *scratch; /* strings whose quotes were doubled; as long as the text, so it never moves */
    size_t scratch_size, scratch_used;
} parser;

static inline void advance(parser *p)
{
    lexer_next(&p->lex, &p->now);
}

static inline bool at_name(const parser *p)
{
    return p->now.kind == LEX_NAME || p->now.kind == LEX_QUOTED;
}

static inline bool at_comparison(const parser *p)
{
    return p->now.kind >= LEX_EQ && p->now.kind <= LEX_GE;
}

/* A function is an unquoted name before a parenthesis. */
static inline bool at_function(const parser *p)
{
    return p->now.kind == LEX_NAME && lexer_at_parenthesis(&p->lex);
}

/* ---- parse_constant.c ------------------------------------------------------------------------- */

/* Each sets the error and returns false. `parser_unexpected` blames the current token. */
#if defined(__GNUC__)
__attribute__((format(printf, 4, 5)))
#endif
bool parser_fail(parser *p, me_status status, size_t offset, const char *format, ...);
bool parser_limit(parser *p, const char *name, uint64_t value, uint64_t maximum);
bool parser_unexpected(parser *p, const char *expected);
bool parser_unknown_function(parser *p);

/* Steps over a token of this kind. */
bool parser_expect(parser *p, token_kind kind, const char *expected);

/* The current token must be a name, and not that of a function. */
bool parser_name(parser *p, me_value *name);

/* Any constant, or one that `op` may be given. */
bool parser_constant(parser *p, const char *expected, me_value *v);
bool parser_constant_for(parser *p, filter_op op, me_value *v);

/* ---- parse_leaf.c ----------------------------------------------------------------------------- */

/* Reads a leaf, TRUE or FALSE, and writes it. */
bool parse_leaf(parser *p);

#endif
