/* arithmetic.h - + - * / and unary minus on two numbers, by the rules of docs/semantics.md.
 *
 *     int64 op int64     exact while the result is in int64; else the double nearest to the exact
 *                        result, not to a rounded or wrapped one
 *     a double in it     both as doubles (an int64 as the nearest one), rounded once
 *     x / y              always as doubles; no value where y is zero
 *
 *     9223372036854775807 + 1    ->  9223372036854775808.0
 *     -9223372036854775808 * -1  ->  9223372036854775808.0
 */
#ifndef MATCHENGINE_ARITHMETIC_H
#define MATCHENGINE_ARITHMETIC_H

#include "value.h"

typedef enum arithmetic_op {
    ARITHMETIC_ADD,
    ARITHMETIC_SUBTRACT,
    ARITHMETIC_MULTIPLY,
    ARITHMETIC_DIVIDE,
    ARITHMETIC_NEGATE, /* of `a` alone */
} arithmetic_op;

/* A number as arithmetic takes it: ME_INT or ME_DOUBLE, with BIG as the nearest double (overflow:
 * infinity). Other values stay. */
me_value arithmetic_operand(me_value v);

/* `a op b` for operands of ME_INT and ME_DOUBLE, which need not be canonical and neither is `out`.
 * False, and `out` as it was, for a division by zero. `out` may be `a` or `b`. */
bool arithmetic(arithmetic_op op, const me_value *a, const me_value *b, me_value *out);

#endif
