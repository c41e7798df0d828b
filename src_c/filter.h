/* filter.h - a filter as one flat string of bytes (the IR).
 *
 * The parser and the builder write it, the compiler, the printer and covering read it. It is
 * postfix, so nothing that walks it recurses, and a filter of any depth is freed by one free:
 *
 *     price < 10 AND NOT sym = 'A'      LT price 10 | EQ sym 'A' | NOT | AND 2
 *
 *     byte  0      op                                    (filter_op)
 *     leaf         path, then its constants              path: varint length, bytes
 *                                                         (stored form: varint path number)
 *                  IN: varint count, constants           constant: byte type, payload
 *                  LIKE, ILIKE: pattern, escape           INT zigzag varint; DOUBLE 8 bytes LE;
 *                  (two string constants; the escape      BIG, STRING varint length, bytes;
 *                  is empty when there is none)           BOOL 1 byte; NULL none
 *     COMPUTE      relation, varint length, code         the paths are in the code (expression.h)
 *     AND, OR      varint count of operands (>= 2)
 *
 * AND and OR are flat: an operand of AND is never an AND. The empty filter is TRUE. Constants keep
 * the type they were written with (5 and 5.0 differ here, not to the engine); BETWEEN keeps its
 * bounds as given. A leaf's outcome is that of the native dialect: missing and NULL unknown, a
 * value of another type false.
 *
 * Two forms, same layout: the *named* form stands alone (a Filter object, a file); the *stored*
 * form names paths by the engine's numbers and is what a subscription keeps.
 */
#ifndef MATCHENGINE_FILTER_H
#define MATCHENGINE_FILTER_H

#include "heap.h"
#include "matchengine.h"

typedef enum filter_op {
    OP_TRUE = 1,
    OP_FALSE,
    OP_EQ,
    OP_NE,
    OP_LT,
    OP_LE,
    OP_GT,
    OP_GE,
    OP_BETWEEN, /* low, high */
    OP_IN,
    OP_PREFIX,
    OP_SUFFIX,
    OP_CONTAINS,
    OP_LIKE,  /* pattern, escape */
    OP_ILIKE, /* pattern, escape */
    OP_EXISTS,
    OP_IS_NULL,
    OP_AND,
    OP_OR,
    OP_NOT,
    OP_MATCHES, /* an I-Regexp (regex.h); new ones come last: older filters keep their bytes */
    OP_COMPUTE, /* a comparison of expressions (expression.h) */
    OP_COUNT
} filter_op;

/* Is it a pattern of a string index? */
static inline bool filter_op_is_pattern(filter_op op)
{
    return (op >= OP_SUFFIX && op <= OP_ILIKE) || op == OP_MATCHES;
}

static inline bool filter_op_is_leaf(filter_op op)
{
    return (op >= OP_EQ && op <= OP_IS_NULL) || op == OP_MATCHES || op == OP_COMPUTE;
}

/* ---- reading ---------------------------------------------------------------------------------- */

/* One node. For a leaf: `path` (named form) or `path_number` (stored form); `a` and `b` are its
 * constants in order. For IN, `count` constants follow one another at `items` and are read with
 * filter_read_value. For AND and OR, `count` is the number of operands. COMPUTE has no path of its
 * own: `items` are the `count` bytes after the operator, from `code` on its code (expression.h). */
typedef struct filter_node {
    filter_op op;
    const char *path;
    uint32_t path_length;
    uint32_t path_number;
    uint32_t count;
    me_value a, b;
    const uint8_t *items;
    filter_op relation; /* COMPUTE */
    const uint8_t *code;
} filter_node;

typedef struct filter_reader {
    const uint8_t *at, *end;
    bool named;
} filter_reader;

/* Reads the next node of a filter that filter_check has accepted; false at the end. */
bool filter_next(filter_reader *r, filter_node *node);

/* Reads one constant at `at` and returns the byte after it. */
const uint8_t *filter_read_value(const uint8_t *at, me_value *v);

/* The same for a count, a length or the number of a path. */
const uint8_t *filter_read_count(const uint8_t *at, uint32_t *count);

/* ---- checking (filter_check.c) ---------------------------------------------------------------- */

/* Is this a well-formed named filter, within the limits? For bytes of unknown origin. Accepts
 * exactly what the parser and the builder write, so that equal filters are equal bytes: flat AND
 * and OR, shortest varints, integers in their smallest type. Linear, never recurses.
 *
 * Returns ME_BAD_FILTER (error->offset is a byte of the filter), ME_FILTER_LIMIT, ME_NOMEM or
 * ME_OK. The depth that counts is that of the canonical text: 1 for each NOT that stands in front
 * (`a NOT IN (1)` has none), 1 for each pair of parentheses that the text needs. */
me_status filter_check(const uint8_t *bytes, size_t length, const me_limits *limits,
                       me_error *error);

/* Why `op` must not be given this constant (its only one, a bound of BETWEEN, a member of IN, a
 * pattern, an escape), or NULL when it may. The one place that knows which comparisons have a
 * meaning; the text is for people. */
const char *filter_constant_error(filter_op op, const me_value *v);

/* The same for the two constants of BETWEEN, each of which is fine alone; the second is to blame. */
const char *filter_between_error(const me_value *low, const me_value *high);

/* Is `escape` one code point? And does `pattern` end in an escape that escapes nothing? */
bool filter_escape_is_one(const me_value *escape);
bool filter_pattern_is_open(const me_value *pattern, const me_value *escape);

/* Says in `error` that `value` breaks the limit that `name`, a field of me_limits, sets to
 * `maximum`. Returns ME_FILTER_LIMIT. */
me_status filter_limit_error(me_error *error, const char *name, uint64_t value, uint64_t maximum);

/* ---- writing ---------------------------------------------------------------------------------- */

/* Growing bytes. After a failed write `failed` stays set and further writes do nothing, so that a
 * writer checks once at its end. */
typedef struct filter_writer {
    heap *heap;
    uint8_t *bytes;
    uint32_t length, cap;
    bool failed;
    bool named;
} filter_writer;

void filter_writer_init(filter_writer *w, heap *h, bool named);
void filter_writer_free(filter_writer *w);
void filter_write_op(filter_writer *w, filter_op op);
void filter_write_count(filter_writer *w, uint32_t count);
void filter_write_path(filter_writer *w, const char *name, size_t length); /* named form */
void filter_write_path_number(filter_writer *w, uint32_t number);          /* stored form */
void filter_write_value(filter_writer *w, const me_value *v);
void filter_write_bytes(filter_writer *w, const void *bytes, size_t length);

/* Room for what filter_insert_* put in front, at most. */
#define FILTER_HEAD 24u

/* Makes room for `more` bytes at once; filters are then written without growing in between. */
void filter_writer_reserve(filter_writer *w, size_t more);

/* Writes the bytes in front of what has been written since the length was `at`. */
void filter_insert_bytes(filter_writer *w, uint32_t at, const void *bytes, size_t length);

/* Writes `count` in front of what has been written since the length was `at`: for an IN, whose
 * members are counted only when the last one has been read. */
void filter_insert_count(filter_writer *w, uint32_t at, uint32_t count);

#endif
