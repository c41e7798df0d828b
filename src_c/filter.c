/* filter.c - reading and writing filter bytes.
 *
 * Numbers are varints: seven bits a byte, the lowest first, the top bit says that more follow. They
 * are always as short as they can be, so equal filters are equal bytes. Signed ones are zigzag
 * (0, -1, 1, -2, ... -> 0, 1, 2, 3, ...), which keeps small negative numbers short.
 */
#include "filter.h"

#include <string.h>

#define VARINT_MAX 10 /* bytes of a 64-bit number */

/* ---- reading ---------------------------------------------------------------------------------- */

static const uint8_t *read_varint(const uint8_t *at, uint64_t *number)
{
    uint64_t n = *at & 0x7fu;
    for (unsigned shift = 7; (*at++ & 0x80u) != 0; shift += 7) {
        n |= (uint64_t)(*at & 0x7fu) << shift;
    }
    *number = n;
    return at;
}

/* Nearly every length and count is below 128. */
static inline const uint8_t *read_u32(const uint8_t *at, uint32_t *number)
{
    if (*at < 0x80u) {
        *number = *at;
        return at + 1;
    }
    uint64_t n;
    at = read_varint(at, &n);
    *number = (uint32_t)n;
    return at;
}

const uint8_t *filter_read_count(const uint8_t *at, uint32_t *count)
{
    return read_u32(at, count);
}

static double read_double(const uint8_t *at)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < 8; i++) {
        bits |= (uint64_t)at[i] << (8 * i);
    }
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

const uint8_t *filter_read_value(const uint8_t *at, me_value *v)
{
    *v = (me_value){.type = *at++};
    uint64_t n;
    switch ((me_type)v->type) {
    case ME_NULL:
        return at;
    case ME_BOOL:
        v->as.i = *at;
        return at + 1;
    case ME_INT:
        at = read_varint(at, &n);
        v->as.i = (int64_t)(n >> 1) ^ -(int64_t)(n & 1);
        return at;
    case ME_DOUBLE:
        v->as.d = read_double(at);
        return at + 8;
    case ME_BIG:
    case ME_STRING:
        break;
    }
    at = read_u32(at, &v->len);
    v->as.s = (const char *)at;
    return at + v->len;
}

static const uint8_t *read_path(const uint8_t *at, bool named, filter_node *node)
{
    if (!named) {
        return read_u32(at, &node->path_number);
    }
    at = read_u32(at, &node->path_length);
    node->path = (const char *)at;
    return at + node->path_length;
}

static const uint8_t *read_compute(const uint8_t *at, filter_node *node)
{
    uint32_t length;
    node->items = at;
    node->relation = (filter_op)*at;
    node->code = read_u32(at + 1, &length);
    node->count = (uint32_t)(node->code - at) + length;
    return at + node->count;
}

bool filter_next(filter_reader *r, filter_node *node)
{
    if (r->at == r->end) {
        return false;
    }
    *node = (filter_node){.op = (filter_op)*r->at++};
    if (node->op == OP_AND || node->op == OP_OR) {
        r->at = read_u32(r->at, &node->count);
        return true;
    }
    if (!filter_op_is_leaf(node->op)) {
        return true;
    }
    if (node->op == OP_COMPUTE) {
        r->at = read_compute(r->at, node);
        return true;
    }
    r->at = read_path(r->at, r->named, node);
    switch (node->op) {
    case OP_EXISTS:
    case OP_IS_NULL:
        break;
    case OP_IN:
        r->at = read_u32(r->at, &node->count);
        node->items = r->at;
        for (uint32_t i = 0; i < node->count; i++) {
            r->at = filter_read_value(r->at, &node->a);
        }
        break;
    case OP_BETWEEN:
    case OP_LIKE:
    case OP_ILIKE:
        r->at = filter_read_value(r->at, &node->a);
        r->at = filter_read_value(r->at, &node->b);
        break;
    default:
        r->at = filter_read_value(r->at, &node->a);
    }
    return true;
}

/* ---- writing ---------------------------------------------------------------------------------- */

void filter_writer_init(filter_writer *w, heap *h, bool named)
{
    *w = (filter_writer){.heap = h, .named = named};
}

void filter_writer_free(filter_writer *w)
{
    heap_free(w->heap, w->bytes, w->cap);
    filter_writer_init(w, w->heap, w->named);
}

void filter_writer_reserve(filter_writer *w, size_t more)
{
    if (w->cap - w->length >= more || w->failed) {
        return;
    }
    w->failed = more > UINT32_MAX - w->length ||
                !heap_reserve(w->heap, &w->bytes, &w->cap, w->length + (uint32_t)more, 1);
}

/* Every write goes through here: the place for `more` bytes, or NULL. */
static inline uint8_t *room(filter_writer *w, size_t more)
{
    filter_writer_reserve(w, more);
    return w->failed ? NULL : w->bytes + w->length;
}

static uint8_t *put_varint(uint8_t *to, uint64_t n)
{
    for (; n >= 0x80u; n >>= 7) {
        *to++ = (uint8_t)(n | 0x80u);
    }
    *to++ = (uint8_t)n;
    return to;
}

static void written_to(filter_writer *w, const uint8_t *end)
{
    w->length = (uint32_t)(end - w->bytes);
}

void filter_write_op(filter_writer *w, filter_op op)
{
    uint8_t *to = room(w, 1);
    if (to != NULL) {
        *to = (uint8_t)op;
        w->length++;
    }
}

void filter_write_count(filter_writer *w, uint32_t count)
{
    uint8_t *to = room(w, VARINT_MAX);
    if (to != NULL) {
        written_to(w, put_varint(to, count));
    }
}

void filter_write_bytes(filter_writer *w, const void *bytes, size_t length)
{
    uint8_t *to = room(w, length);
    if (to != NULL && length > 0) {
        memcpy(to, bytes, length);
        w->length += (uint32_t)length;
    }
}

/* A varint length, then the bytes. */
static void write_text(filter_writer *w, const char *text, size_t length)
{
    uint8_t *to = length > UINT32_MAX - VARINT_MAX ? NULL : room(w, VARINT_MAX + length);
    if (to == NULL) {
        w->failed = true;
        return;
    }
    to = put_varint(to, length);
    if (length > 0) {
        memcpy(to, text, length);
    }
    written_to(w, to + length);
}

void filter_write_path(filter_writer *w, const char *name, size_t length)
{
    write_text(w, name, length);
}

void filter_write_path_number(filter_writer *w, uint32_t number)
{
    filter_write_count(w, number);
}

static uint8_t *put_double(uint8_t *to, double d)
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    for (unsigned i = 0; i < 8; i++) {
        *to++ = (uint8_t)(bits >> (8 * i));
    }
    return to;
}

void filter_write_value(filter_writer *w, const me_value *v)
{
    uint8_t *to = room(w, 1 + VARINT_MAX);
    if (to == NULL) {
        return;
    }
    *to++ = v->type;
    switch ((me_type)v->type) {
    case ME_NULL:
        break;
    case ME_BOOL:
        *to++ = v->as.i != 0;
        break;
    case ME_INT:
        to = put_varint(to, ((uint64_t)v->as.i << 1) ^ (v->as.i < 0 ? UINT64_MAX : 0));
        break;
    case ME_DOUBLE:
        to = put_double(to, v->as.d);
        break;
    case ME_BIG:
    case ME_STRING:
        w->length++;
        write_text(w, v->as.s, v->len);
        return;
    }
    written_to(w, to);
}

void filter_insert_bytes(filter_writer *w, uint32_t at, const void *bytes, size_t length)
{
    if (room(w, length) == NULL) {
        return;
    }
    memmove(w->bytes + at + length, w->bytes + at, w->length - at);
    memcpy(w->bytes + at, bytes, length);
    w->length += (uint32_t)length;
}

void filter_insert_count(filter_writer *w, uint32_t at, uint32_t count)
{
    uint8_t digits[VARINT_MAX];
    filter_insert_bytes(w, at, digits, (size_t)(put_varint(digits, count) - digits));
}
