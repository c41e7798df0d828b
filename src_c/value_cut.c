/* value_cut.c - which cuts are one: is there a value between two values?
 *
 * Numbers are all doubles and all integers, however long. Between two of them lies
 *   - a double, unless the least double above the lower one is not below the upper one;
 *   - an integer, which below 2^53 would be a double, and beyond may lie between two doubles.
 * Between two strings lies another, unless the upper one is the lower one and a NUL.
 */
#include "value_cut.h"

#include <math.h>
#include <string.h>

static bool has_double_between(const me_value *a, const me_value *b)
{
    double d = a->type == ME_INT   ? (double)a->as.i
               : a->type == ME_BIG ? number_to_double(a->as.s, a->len)
                                   : a->as.d;
    me_value next = value_canonical(value_of_double(d)); /* the nearest to `a`, on either side */
    if (value_compare(&next, a) <= 0) {
        next = value_canonical(value_of_double(nextafter(d, INFINITY)));
    }
    return value_compare(&next, b) < 0;
}

/* The digits of an integer that is INT64_MIN or beyond int64, with its sign; NULL for others. */
static const char *digits_of(const me_value *v, char room[NUMBER_DIGITS], size_t *length)
{
    if (v->type == ME_BIG) {
        *length = v->len;
        return v->as.s;
    }
    double d = v->type == ME_DOUBLE ? v->as.d : v->as.i == INT64_MIN ? -0x1p63 : 0;
    if (isinf(d) || fabs(d) < 0x1p53) {
        return NULL;
    }
    *length = number_digits(d, room);
    return room;
}

/* Is the number with the digits `b` one more than that with the digits `a`? */
static bool digits_follow(const char *a, size_t a_length, const char *b, size_t b_length)
{
    while (a_length > 0 && b_length > 0 && a[a_length - 1] == '9' && b[b_length - 1] == '0') {
        a_length--;
        b_length--;
    }
    if (a_length == 0) { /* 99 and 100 */
        return b_length == 1 && b[0] == '1';
    }
    return a_length == b_length && b[b_length - 1] == a[a_length - 1] + 1 &&
           memcmp(a, b, a_length - 1) == 0;
}

/* Two integers of which one at least lies beyond int64. INT64_MAX is 9223372036854775807, which no
 * double is: it is followed by 2^63, and INT64_MIN (a double) follows what has one digit more. */
static bool is_next_long(const me_value *a, const me_value *b)
{
    if (a->type == ME_INT && a->as.i == INT64_MAX) {
        return b->type == ME_DOUBLE && b->as.d == 0x1p63;
    }
    char room_a[NUMBER_DIGITS], room_b[NUMBER_DIGITS];
    size_t a_length = 0, b_length = 0;
    const char *x = digits_of(a, room_a, &a_length), *y = digits_of(b, room_b, &b_length);
    if (x == NULL || y == NULL || (x[0] == '-') != (y[0] == '-')) {
        return false;
    }
    return x[0] == '-' ? digits_follow(y + 1, b_length - 1, x + 1, a_length - 1)
                       : digits_follow(x, a_length, y, b_length);
}

static bool is_beyond(const me_value *v)
{
    return v->type == ME_BIG || (v->type == ME_DOUBLE && fabs(v->as.d) >= 0x1p53);
}

static bool numbers_touch(const me_value *a, const me_value *b)
{
    if (has_double_between(a, b)) {
        return false;
    }
    if (a->type == ME_INT && b->type == ME_INT) {
        return (uint64_t)b->as.i - (uint64_t)a->as.i == 1;
    }
    return is_beyond(a) || is_beyond(b) ? is_next_long(a, b) : true;
}

static bool strings_touch(const me_value *a, const me_value *b)
{
    return b->len == a->len + 1 && b->as.s[a->len] == 0 &&
           (a->len == 0 || memcmp(a->as.s, b->as.s, a->len) == 0);
}

/* No value between a < b? */
static bool values_touch(const me_value *a, const me_value *b)
{
    if (a->type == ME_STRING || b->type == ME_STRING) {
        return a->type == b->type && strings_touch(a, b);
    }
    return numbers_touch(a, b);
}

int cut_order(const cut *a, const cut *b)
{
    if (a->side == CUT_END || b->side == CUT_END) {
        return (a->side == CUT_END) - (b->side == CUT_END);
    }
    int order = value_compare(&a->value, &b->value);
    if (order == 0) {
        return (int)a->side - (int)b->side;
    }
    if (order < 0 && a->side == CUT_AFTER && b->side == CUT_BEFORE) {
        return values_touch(&a->value, &b->value) ? 0 : order;
    }
    if (order > 0 && a->side == CUT_BEFORE && b->side == CUT_AFTER) {
        return values_touch(&b->value, &a->value) ? 0 : order;
    }
    return order;
}
