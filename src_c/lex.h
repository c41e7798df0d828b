/* lex.h - filter text to tokens, one at a time.
 *
 *     price <= :limit AND NOT "odd name" IN ('it''s', -1.5)
 *     NAME  LE PARAMETER AND NOT QUOTED  IN ( STRING , - NUMBER )
 *
 * A token is a slice of the text; nothing is copied and nothing is allocated. A fault becomes a
 * token too, LEX_BAD, which the parser refuses when it gets there. So errors come in the order of
 * the text although the parser looks one token ahead: in `a = NULL ;` the NULL is to blame, not
 * the semicolon.
 *
 * What a byte can begin comes from one table of 256 classes, and a keyword is told from a name by
 * its letters packed into an integer while they are scanned.
 */
#ifndef MATCHENGINE_LEX_H
#define MATCHENGINE_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matchengine.h"

/* The comparisons have the order of filter_op, from OP_EQ to OP_GE. */
typedef enum token_kind {
    LEX_END,
    LEX_BAD,
    LEX_NAME,
    LEX_QUOTED,
    LEX_NUMBER,
    LEX_STRING,
    LEX_PARAMETER,
    LEX_EQ,
    LEX_NE,
    LEX_LT,
    LEX_LE,
    LEX_GT,
    LEX_GE,
    LEX_OPEN,
    LEX_CLOSE,
    LEX_COMMA,
    LEX_PLUS,
    LEX_MINUS,
    LEX_TIMES,
    LEX_DIVIDE,
    LEX_AND,
    LEX_OR,
    LEX_NOT,
    LEX_TRUE,
    LEX_FALSE,
    LEX_NULL,
    LEX_IN,
    LEX_LIKE,
    LEX_ILIKE,
    LEX_BETWEEN,
    LEX_IS,
    LEX_ESCAPE,
} token_kind;

typedef struct token {
    token_kind kind;
    uint32_t length;   /* of the slice */
    const char *start; /* the slice: without the quotes of QUOTED and STRING, the colon of
                          PARAMETER, leading zeros of a NUMBER that is an integer */
    uint32_t offset;   /* of the whole token, in bytes from the start of the text */
    bool doubled;      /* QUOTED, STRING: some quote in it is doubled */
    bool integer;      /* NUMBER: neither fraction nor exponent */
} token;

typedef struct lexer {
    const char *text, *at, *end;
    size_t bad_offset;       /* LEX_BAD: where, */
    const char *bad_message; /*          and why */
} lexer;

/* `text` is valid UTF-8 and shorter than 4 GiB. */
void lexer_init(lexer *lex, const char *text, size_t length);

/* Reads the next token; after the last one, LEX_END for ever. */
void lexer_next(lexer *lex, token *out);

/* Is the first character after the token just read, and after white space, a parenthesis? */
bool lexer_at_parenthesis(const lexer *lex);

#endif
