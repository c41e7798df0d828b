/* parse.h - filter text to filter bytes, in one pass and without a tree.
 *
 * The bytes are postfix, so a leaf is written as soon as it has been read and a connective when its
 * last operand has been. With two binary operators, precedence climbing needs no table: an open
 * parenthesis is a group, and a group is three counters.
 *
 *     a OR b AND NOT (c AND d
 *                            groups      ors 1  ands 1  nots 1      the outer one, waiting
 *                                        ors 0  ands 1  nots 0      the inner one
 *                            written     a b c
 *
 * The connective of a group is not written when it closes, but handed up as (AND, 2): there it
 * joins a group of the same kind by adding its count, or else is written. So AND and OR come out
 * flat with nothing to move, NOT NOT NOT ... is a counter, and depth costs 12 bytes a level.
 *
 *     parse.c           groups: AND, OR, NOT, parentheses, limits
 *     parse_leaf.c      leaves: comparisons, BETWEEN, IN, LIKE, functions
 *     parse_operand.c   what is compared: names, constants, arithmetic
 *     parse_constant.c  constants, names, and what to say about a token that cannot be there
 *     lex.c  bind.c     tokens; parameters
 */
#ifndef MATCHENGINE_PARSE_H
#define MATCHENGINE_PARSE_H

#include "filter.h"

/* A named parameter, `:name` in the text. Values are bound as constants, never as text. A value of
 * type 0 is one that the caller has but cannot express: ME_TYPE where the text mentions it. */
typedef struct me_parameter {
    const char *name;
    size_t length;
    me_value value;
} me_parameter;

/* Parses `text` (UTF-8, checked) and appends the named form to `out` (initialised with named =
 * true; its heap pays for everything). Linear in the text, never recurses on its depth.
 *
 * ME_SYNTAX and ME_TYPE: error->offset is the byte where it went wrong, error->message what was
 * expected (for instance "expected a comparison, got AND"). ME_FILTER_LIMIT, ME_NOMEM.
 * On an error `out` holds garbage that filter_writer_free releases. A parameter that the text does
 * not use, or one it lacks, is ME_TYPE. Names of parameters are unique. */
me_status parse_filter(const char *text, size_t length, const me_parameter *parameters,
                       size_t parameter_count, const me_limits *limits, filter_writer *out,
                       me_error *error);

#endif
