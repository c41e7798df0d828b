#include "cut_block.h"

#include <math.h>
#include <string.h>

#define COLUMNS 4u

static size_t block_bytes(uint32_t cap)
{
    return sizeof(cut_block) + (size_t)cap * COLUMNS * sizeof(uint32_t);
}

/* The order of doubles as unsigned integers, and back. */
static uint64_t key_of_double(double d)
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static double double_of_key(uint64_t key)
{
    uint64_t bits = key >> 63 ? key & ~(UINT64_C(1) << 63) : ~key;
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

/* The largest double that is not above a canonical number. */
static double double_below(const me_value *v)
{
    double d = v->type == ME_DOUBLE ? v->as.d
               : v->type == ME_INT  ? (double)v->as.i
                                    : number_to_double(v->as.s, v->len);
    me_value nearest = value_canonical(value_of_double(d));
    return value_compare(&nearest, v) > 0 ? nextafter(d, -INFINITY) : d;
}

static bool is_small_int(const me_value *v)
{
    return v->type == ME_INT && v->as.i <= INT64_C(1) << 53 && v->as.i >= -(INT64_C(1) << 53);
}

uint64_t cut_key(const me_value *v, bool *exact)
{
    if (v->type == ME_STRING) {
        uint64_t key = 0;
        for (uint32_t i = 0; i < 8; i++) {
            key = key << 8 | (i < v->len ? (unsigned char)v->as.s[i] : 0);
        }
        *exact = false;
        return key;
    }
    *exact = v->type == ME_DOUBLE || is_small_int(v);
    return key_of_double(is_small_int(v) ? (double)v->as.i : double_below(v));
}

me_value cut_value(const cut_block *b, uint32_t at)
{
    return b->values != NULL
               ? b->values[at]
               : value_canonical(value_of_double(double_of_key(cut_block_key(b, at))));
}

/* How many of `count` > 0 sorted numbers are below `x`. */
static uint32_t below(const uint32_t *sorted, uint32_t count, uint32_t x)
{
    uint32_t lo = 0;
    while (count > 1) {
        uint32_t half = count / 2;
        lo += half & (0u - (sorted[lo + half - 1] < x)); /* no branch: it could not be predicted */
        count -= half;
    }
    return lo + (sorted[lo] < x);
}

uint32_t cut_block_below(const cut_block *b, uint64_t key)
{
    uint32_t high = (uint32_t)(key >> 32);
    uint32_t at = below(b->highs, b->count, high);
    if (at == b->count || b->highs[at] != high) {
        return at;
    }
    uint32_t same = 1;
    if (at + 1 < b->count && b->highs[at + 1] == high) {
        same = high < UINT32_MAX ? below(b->highs + at, b->count - at, high + 1) : b->count - at;
    }
    return at + below(b->highs + 2 * (size_t)b->cap + at, same, (uint32_t)key);
}

uint32_t cut_block_find(const cut_block *b, const me_value *value, uint64_t key, bool exact,
                        bool *found)
{
    uint32_t at = cut_block_below(b, key);
    for (*found = false; at < b->count && cut_block_key(b, at) == key; at++) {
        if (exact && b->values == NULL) {
            *found = true;
            return at;
        }
        me_value other = cut_value(b, at);
        int order = value_compare(&other, value);
        if (order >= 0) {
            *found = order == 0;
            return at;
        }
    }
    return at;
}

void cut_block_free(cut_block *b, heap *h)
{
    for (uint32_t i = 0; b->values != NULL && i < b->count; i++) {
        value_drop(&b->values[i], h);
    }
    heap_free(h, b->values, b->cap * sizeof(me_value));
    heap_free(h, b, block_bytes(b->cap));
}

cut_block *cut_block_copy(heap *h, cut_block *b, uint32_t from, uint32_t to, uint32_t cap)
{
    cut_block *copy = heap_alloc(h, block_bytes(cap));
    if (copy == NULL) {
        return NULL;
    }
    *copy = (cut_block){.count = to - from, .cap = cap};
    if (b == NULL) {
        return copy;
    }
    if (b->values != NULL) {
        copy->values = heap_alloc(h, cap * sizeof(me_value));
        if (copy->values == NULL) {
            heap_free(h, copy, block_bytes(cap));
            return NULL;
        }
        memcpy(copy->values, b->values + from, (to - from) * sizeof(me_value));
    }
    for (size_t k = 0; k < COLUMNS; k++) {
        memcpy(copy->highs + k * cap, b->highs + k * b->cap + from, (to - from) * sizeof(uint32_t));
    }
    return copy;
}

void cut_block_free_shell(cut_block *b, heap *h)
{
    if (b != NULL) {
        heap_free(h, b->values, b->cap * sizeof(me_value));
        heap_free(h, b, block_bytes(b->cap));
    }
}

bool cut_block_keep_values(cut_block *b, heap *h)
{
    if (b->values == NULL) {
        me_value *values = heap_alloc(h, b->cap * sizeof(me_value));
        if (values == NULL) {
            return false;
        }
        for (uint32_t i = 0; i < b->count; i++) {
            values[i] = cut_value(b, i);
        }
        b->values = values;
    }
    return true;
}

void cut_block_insert(cut_block *b, uint32_t at, uint64_t key, uint32_t label, const me_value *kept)
{
    uint32_t after = b->count - at;
    const uint32_t row[COLUMNS] = {(uint32_t)(key >> 32), label, (uint32_t)key, 1};
    for (size_t k = 0; k < COLUMNS; k++) {
        uint32_t *column = b->highs + k * b->cap + at;
        memmove(column + 1, column, after * sizeof(uint32_t));
        *column = row[k];
    }
    if (b->values != NULL) {
        memmove(b->values + at + 1, b->values + at, after * sizeof(me_value));
        b->values[at] = *kept;
    }
    b->count++;
}

void cut_block_remove(cut_block *b, heap *h, uint32_t at)
{
    uint32_t after = --b->count - at;
    if (b->values != NULL) {
        value_drop(&b->values[at], h);
        memmove(b->values + at, b->values + at + 1, after * sizeof(me_value));
    }
    for (size_t k = 0; k < COLUMNS; k++) {
        uint32_t *column = b->highs + k * b->cap + at;
        memmove(column, column + 1, after * sizeof(uint32_t));
    }
}
