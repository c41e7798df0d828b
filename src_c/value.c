#include "value.h"

#include <math.h>
#include <string.h>

#include "hash.h"

#define TWO_63 9223372036854775808.0 /* 2^63, the first double beyond int64 */

static bool fits_int64(double d)
{
    return d >= -TWO_63 && d < TWO_63; /* false for NaN */
}

me_value value_canonical(me_value v)
{
    if (v.type == ME_BIG) {
        int64_t i;
        if (number_to_int(v.as.s, v.len, &i)) {
            return value_of_int(i);
        }
        double d = number_to_double(v.as.s, v.len);
        if (isinf(d)) {
            return v;
        }
        char digits[NUMBER_DIGITS];
        size_t len = number_digits(d, digits);
        bool exact = len == v.len && memcmp(digits, v.as.s, len) == 0;
        return exact ? value_of_double(d) : v;
    }
    if (v.type == ME_DOUBLE) {
        if (isnan(v.as.d)) {
            return value_of_double((double)NAN);
        }
        if (fits_int64(v.as.d) && (double)(int64_t)v.as.d == v.as.d) {
            return value_of_int((int64_t)v.as.d);
        }
    }
    return v;
}

/* ---- order ---------------------------------------------------------------------------------- */

static int order_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t common = a_len < b_len ? a_len : b_len;
    int order = common > 0 ? memcmp(a, b, common) : 0;
    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

static bool big_is_negative(const me_value *big)
{
    return big->as.s[0] == '-';
}

/* Two integers of the same sign as digits: the longer is larger in magnitude. */
static int order_digits(const char *a, size_t a_len, const char *b, size_t b_len, bool negative)
{
    int magnitude = a_len != b_len ? (a_len > b_len ? 1 : -1) : memcmp(a, b, a_len);
    return negative ? -magnitude : magnitude;
}

static int order_big_big(const me_value *a, const me_value *b)
{
    if (big_is_negative(a) != big_is_negative(b)) {
        return big_is_negative(a) ? -1 : 1;
    }
    return order_digits(a->as.s, a->len, b->as.s, b->len, big_is_negative(a));
}

/* Rounding to the nearest double keeps order, so only a tie needs the digits. */
static int order_big_double(const me_value *big, double d)
{
    if (isinf(d)) {
        return d > 0 ? -1 : 1;
    }
    double nearest = number_to_double(big->as.s, big->len);
    if (nearest != d) {
        return nearest < d ? -1 : 1;
    }
    char digits[NUMBER_DIGITS];
    size_t len = number_digits(d, digits);
    return order_digits(big->as.s, big->len, digits, len, big_is_negative(big));
}

static int order_int_double(int64_t i, double d)
{
    if (!fits_int64(d)) {
        return d > 0 ? -1 : 1;
    }
    int64_t whole = (int64_t)d; /* toward zero */
    if (i != whole) {
        return i < whole ? -1 : 1;
    }
    double rest = d - (double)whole; /* exact: `whole` is `d` without its fraction */
    return (rest < 0) - (rest > 0);
}

/* Numbers that are not NaN. */
static int order_numbers(const me_value *a, const me_value *b)
{
    if (a->type == ME_INT && b->type == ME_INT) {
        return (a->as.i > b->as.i) - (a->as.i < b->as.i);
    }
    if (a->type == ME_DOUBLE && b->type == ME_DOUBLE) {
        return (a->as.d > b->as.d) - (a->as.d < b->as.d);
    }
    if (a->type == ME_BIG && b->type == ME_BIG) {
        return order_big_big(a, b);
    }
    if (a->type > b->type) {
        return -order_numbers(b, a); /* once: the types differ */
    }
    if (a->type == ME_INT && b->type == ME_BIG) {
        return big_is_negative(b) ? 1 : -1; /* a canonical BIG lies outside int64 */
    }
    return a->type == ME_INT ? order_int_double(a->as.i, b->as.d) : order_big_double(a, b->as.d);
}

static int type_rank(const me_value *v)
{
    enum { RANK_NULL, RANK_BOOL, RANK_NAN, RANK_NUMBER, RANK_STRING };
    switch (v->type) {
    case ME_NULL:
        return RANK_NULL;
    case ME_BOOL:
        return RANK_BOOL;
    case ME_STRING:
        return RANK_STRING;
    case ME_DOUBLE:
        return isnan(v->as.d) ? RANK_NAN : RANK_NUMBER;
    default:
        return RANK_NUMBER;
    }
}

int value_compare(const me_value *a, const me_value *b)
{
    int rank = type_rank(a), other = type_rank(b);
    if (rank != other) {
        return rank < other ? -1 : 1;
    }
    switch (a->type) {
    case ME_NULL:
        return 0;
    case ME_BOOL:
        return (a->as.i > b->as.i) - (a->as.i < b->as.i);
    case ME_STRING:
        return order_bytes(a->as.s, a->len, b->as.s, b->len);
    default:
        /* One NaN of two has been told apart by its rank. */
        return a->type == ME_DOUBLE && isnan(a->as.d) ? 0 : order_numbers(a, b);
    }
}

/* ---- equality ------------------------------------------------------------------------------- */

bool value_equal(const me_value *a, const me_value *b)
{
    if (a->type != b->type) {
        return false;
    }
    switch (a->type) {
    case ME_NULL:
        return true;
    case ME_STRING:
    case ME_BIG:
        return a->len == b->len && (a->len == 0 || memcmp(a->as.s, b->as.s, a->len) == 0);
    case ME_DOUBLE: /* the bits, so that the one NaN equals itself */
        return memcmp(&a->as.d, &b->as.d, sizeof a->as.d) == 0;
    default:
        return a->as.i == b->as.i;
    }
}

uint64_t hash_bytes(const char *bytes, size_t len, uint64_t seed)
{
    if (len <= HASH_SHORT) {
        return hash_short(hash_words(bytes, len), len, seed);
    }
    uint64_t state = seed ^ len * HASH_K2;
    const char *last = bytes + len - 16;
    for (; bytes < last; bytes += 16) {
        state = hash_fold(load64(bytes) ^ seed ^ HASH_K1, load64(bytes + 8) ^ state);
    }
    return hash_fold(load64(last) ^ seed ^ HASH_K2, load64(last + 8) ^ state);
}

uint64_t value_hash(const me_value *v, uint64_t seed)
{
    seed += v->type * HASH_K2; /* the string "5" and the integer 5 differ */
    switch (v->type) {
    case ME_NULL:
        return hash_fold(seed ^ HASH_K1, HASH_K2);
    case ME_STRING:
    case ME_BIG:
        return hash_bytes(v->as.s, v->len, seed);
    default: {
        hash_pair w = {0, 0};
        memcpy(&w.first, &v->as, sizeof w.first);
        return hash_short(w, sizeof w.first, seed);
    }
    }
}

/* ---- values that own their bytes ------------------------------------------------------------------ */

static bool has_bytes(const me_value *v)
{
    return v->type == ME_STRING || v->type == ME_BIG;
}

bool value_keep(heap *h, const me_value *value, me_value *kept)
{
    *kept = *value;
    if (has_bytes(value)) {
        char *bytes = heap_alloc(h, value->len > 0 ? value->len : 1);
        if (bytes == NULL) {
            return false;
        }
        if (value->len > 0) {
            memcpy(bytes, value->as.s, value->len);
        }
        kept->as.s = bytes;
    }
    return true;
}

void value_drop(const me_value *kept, heap *h)
{
    if (has_bytes(kept)) {
        heap_free(h, (void *)(uintptr_t)kept->as.s, kept->len > 0 ? kept->len : 1);
    }
}
