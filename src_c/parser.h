/* parser.h - what the four files of the parser share (parse.h has the picture).
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
    uint8_t *yard; /* operators and parentheses of the expression being read (parse_operand.c) */
    uint32_t yard_count, yard_cap;
} parser;

/* One side of a comparison. */
typedef enum term_kind { TERM_PATH, TERM_VALUE, TERM_CODE } term_kind;

typedef struct term {
    term_kind kind;
    size_t offset;  /* where it begins; of a constant alone, the constant */
    me_value value; /* PATH: its name */
} term;

/* A leaf as far as it has been read. Paths and constants alone wait for what becomes of it, the
 * code of other terms is written behind `start`. */
typedef struct predicate {
    uint32_t start;          /* bytes of the output before it */
    uint32_t count, written; /* terms that have been read; those whose code is in the output */
    uint32_t paths;          /* names in it */
    uint32_t open;           /* parentheses in the yard */
    bool held;               /* the term being read is not written */
    term terms[3];
} predicate;

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

/* One more level of depth, or of predicates, within the limits. */
bool parser_open_level(parser *p);
bool parser_count_predicate(parser *p);

/* Steps over a token of this kind. */
bool parser_expect(parser *p, token_kind kind, const char *expected);

/* The current token must be a name, and not that of a function. */
bool parser_name(parser *p, me_value *name);

/* Any constant, or one that `op` may be given. */
bool parser_constant(parser *p, const char *expected, me_value *v);
bool parser_constant_for(parser *p, filter_op op, me_value *v);

/* The number behind a minus that has been stepped over. */
bool parser_negative_number(parser *p, me_value *v);

/* ---- parse_operand.c -------------------------------------------------------------------------- */

/* Reads the next term of the predicate: a name, a constant, or arithmetic. The first one may end
 * groups that turn out to be its own parentheses. */
bool parse_operand(parser *p, predicate *q);

/* Writes the code of the terms that wait. */
bool parser_write_terms(parser *p, predicate *q);

/* ---- parse_leaf.c ----------------------------------------------------------------------------- */

/* Reads a leaf, TRUE or FALSE, and writes it. */
bool parse_leaf(parser *p);

#endif
