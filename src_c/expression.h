/* expression.h - the code of a computed predicate: what stands on the sides of its comparison.
 *
 * `price * volume > 1000` and `a < b` are leaves of the operator OP_COMPUTE (filter.h). After the
 * operator come the relation (a filter_op, EQ to BETWEEN), the length of the code in bytes, and the
 * code, which is postfix like the rest and leaves two operands, or three for BETWEEN:
 *
 *     price * volume > 1000       GT 15  PATH price | PATH volume | MULTIPLY | VALUE 1000
 *     a BETWEEN b AND -c          BETWEEN 10  PATH a | PATH b | PATH c | NEGATE
 *
 *     byte 0    expression_op
 *     PATH      path                     as in every leaf (filter.h)
 *     VALUE     constant
 *
 * A leaf that says no more than a plain one, a path against constants without arithmetic, is never
 * written like this. Nothing is simplified and constants stay on their side. A minus that belongs
 * to a number is no NEGATE: -3 is a constant, -(3) is not.
 */
#ifndef MATCHENGINE_EXPRESSION_H
#define MATCHENGINE_EXPRESSION_H

#include "arithmetic.h"
#include "filter.h"

/* Part of the file format: append, never renumber. */
typedef enum expression_op {
    EXPRESSION_PATH = 1,
    EXPRESSION_VALUE,
    EXPRESSION_ADD, /* from here on in the order of arithmetic_op */
    EXPRESSION_SUBTRACT,
    EXPRESSION_MULTIPLY,
    EXPRESSION_DIVIDE,
    EXPRESSION_NEGATE,
    EXPRESSION_COUNT
} expression_op;

static inline arithmetic_op expression_arithmetic(expression_op op)
{
    return (arithmetic_op)((int)op - (int)EXPRESSION_ADD);
}

/* How tightly the text of an operand holds together. */
static inline int expression_precedence(expression_op op)
{
    switch (op) {
    case EXPRESSION_ADD:
    case EXPRESSION_SUBTRACT:
        return 1;
    case EXPRESSION_MULTIPLY:
    case EXPRESSION_DIVIDE:
        return 2;
    case EXPRESSION_NEGATE:
        return 3;
    default:
        return 4;
    }
}

static inline uint32_t expression_operands(filter_op relation)
{
    return relation == OP_BETWEEN ? 3 : 2;
}

/* One item of the code. PATH: its name, or in stored form its number. */
typedef struct expression_item {
    expression_op op;
    const char *path;
    uint32_t path_length, path_number;
    me_value value;
} expression_item;

typedef struct expression_reader {
    const uint8_t *at, *end;
    bool named;
} expression_reader;

/* The code of an OP_COMPUTE leaf that filter_next has read, in the reader's form. */
static inline expression_reader expression_of(const filter_node *leaf, bool named)
{
    return (expression_reader){leaf->code, leaf->items + leaf->count, named};
}

/* Reads the next item of code that filter_check has accepted; false at the end. */
bool expression_next(expression_reader *r, expression_item *item);

/* Writes one item; paths in the form of the writer. */
void expression_write(filter_writer *w, const expression_item *item);

/* Every path that a filter in named form mentions, one after another. */
typedef struct path_reader {
    filter_reader filter;
    expression_reader code;
} path_reader;

bool filter_next_path(path_reader *r, const char **path, uint32_t *length);

/* Puts `OP_COMPUTE relation length` in front of the code that begins at byte `at`. */
void expression_finish(filter_writer *w, uint32_t at, filter_op relation);

/* ---- which code is a predicate? ---------------------------------------------------------------- */

/* An operand on the stack: how its text would look. */
typedef struct expression_operand {
    uint32_t depth;   /* parentheses and minuses that are open at once */
    bool fixed;       /* there is no path in it */
    expression_op op; /* the last item of its code */
    me_value value;   /* VALUE */
} expression_operand;

/* The stack of operands that code leaves, item by item. */
typedef struct expression_shape {
    heap *heap;
    expression_operand *stack;
    uint32_t height, cap, highest;
} expression_shape;

typedef enum expression_verdict {
    EXPRESSION_GOOD,
    EXPRESSION_BAD,
    EXPRESSION_NOMEM
} expression_verdict;

/* Takes one more item. BAD: `*why` says so. */
expression_verdict expression_add(expression_shape *s, const expression_item *item,
                                  const char **why);

/* The code is complete: is it what parser and builder write for `relation`, and how deep is its
 * text? */
expression_verdict expression_close(expression_shape *s, filter_op relation, uint32_t *depth,
                                    const char **why);
void expression_shape_free(expression_shape *s);

/* ---- constants folded --------------------------------------------------------------------------- */

/* Is the leaf (OP_COMPUTE) one path alone against what constants come to? Then `plain`
 * is the plain leaf that means the same: `ts > 60 * 60` becomes `ts > 3600`. Its constants may
 * borrow from the code. Takes no memory: what is nested deeper than 1,000 may not be folded. */
bool expression_plain(const filter_node *leaf, bool named, filter_node *plain);

#endif
