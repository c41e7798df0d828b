#include "arithmetic.h"

#include <math.h>

/* Whole numbers beyond int64, as a sign and 128 bits of magnitude. */
typedef struct wide {
    bool negative;
    uint64_t high, low;
} wide;

static uint64_t magnitude(int64_t i)
{
    return i < 0 ? UINT64_C(0) - (uint64_t)i : (uint64_t)i;
}

static wide wide_product(int64_t a, int64_t b)
{
    uint64_t x = magnitude(a), y = magnitude(b);
    uint64_t x0 = (uint32_t)x, x1 = x >> 32, y0 = (uint32_t)y, y1 = y >> 32;
    uint64_t low = x0 * y0, cross = x1 * y0 + (low >> 32);
    uint64_t other = x0 * y1 + (uint32_t)cross;
    return (wide){
        .negative = (a < 0) != (b < 0),
        .high = x1 * y1 + (cross >> 32) + (other >> 32),
        .low = other << 32 | (uint32_t)low,
    };
}

/* |a| + |b|, with the sign of a. */
static wide wide_sum(int64_t a, int64_t b)
{
    uint64_t low = magnitude(a) + magnitude(b);
    return (wide){.negative = a < 0, .high = low < magnitude(a), .low = low};
}

/* The upper 64 bits decide, with one more that says whether anything follows: a double has 53. */
static double wide_nearest(wide w)
{
    unsigned shift = 0;
    while (shift < 64 && w.high >> shift != 0) {
        shift++;
    }
    uint64_t top = w.low, rest = 0;
    if (shift > 0) {
        top = shift == 64 ? w.high : w.high << (64 - shift) | w.low >> shift;
        rest = shift == 64 ? w.low : w.low << (64 - shift);
    }
    double d = ldexp((double)(top | (rest != 0)), (int)shift);
    return w.negative ? -d : d;
}

static me_value wide_value(wide w)
{
    if (w.high == 0 && w.low <= (uint64_t)INT64_MAX) {
        return value_of_int(w.negative ? -(int64_t)w.low : (int64_t)w.low);
    }
    if (w.high == 0 && w.negative && w.low == (uint64_t)INT64_MAX + 1) {
        return value_of_int(INT64_MIN);
    }
    return value_of_double(wide_nearest(w));
}

static me_value add(int64_t a, int64_t b)
{
    bool over = b > 0 ? a > INT64_MAX - b : a < INT64_MIN - b;
    return over ? wide_value(wide_sum(a, b)) : value_of_int(a + b);
}

static me_value subtract(int64_t a, int64_t b)
{
    bool over = b < 0 ? a > INT64_MAX + b : a < INT64_MIN + b;
    return over ? wide_value(wide_sum(a, b)) : value_of_int(a - b);
}

static double as_double(const me_value *v)
{
    return v->type == ME_INT ? (double)v->as.i : v->as.d;
}

static double of_doubles(arithmetic_op op, double a, double b)
{
    switch (op) {
    case ARITHMETIC_ADD:
        return a + b;
    case ARITHMETIC_SUBTRACT:
        return a - b;
    case ARITHMETIC_MULTIPLY:
        return a * b;
    default:
        return a / b;
    }
}

me_value arithmetic_operand(me_value v)
{
    return v.type == ME_BIG ? value_of_double(number_to_double(v.as.s, v.len)) : v;
}

bool arithmetic(arithmetic_op op, const me_value *a, const me_value *b, me_value *out)
{
    if (op == ARITHMETIC_NEGATE) {
        *out = a->type == ME_INT ? subtract(0, a->as.i) : value_of_double(-a->as.d);
        return true;
    }
    if (op == ARITHMETIC_DIVIDE && as_double(b) == 0.0) {
        return false;
    }
    if (a->type != ME_INT || b->type != ME_INT || op == ARITHMETIC_DIVIDE) {
        *out = value_of_double(of_doubles(op, as_double(a), as_double(b)));
        return true;
    }
    int64_t x = a->as.i, y = b->as.i;
    *out = op == ARITHMETIC_ADD        ? add(x, y)
           : op == ARITHMETIC_SUBTRACT ? subtract(x, y)
                                       : wide_value(wide_product(x, y));
    return true;
}
