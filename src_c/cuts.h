/* cuts.h - where does a value lie among the constants that ranges of one path compare with?
 *
 * The constants (cuts) stay in order and each has a label, a number in the same order with room
 * between neighbours:
 *
 *     price < 10, price >= 50        cuts    10          50
 *                                    labels  L           M
 *     event value           7        10       20         50        99
 *     its label        NUMBERS       L        L+1        M         M+1
 *
 * So a comparison becomes an interval of labels, [NUMBERS, L-1] and [M, ...], and the label of an
 * event value is found by one search, whatever the number of ranges. A new cut takes a label
 * between its neighbours', so stored intervals stay true. When there is no room left, all labels
 * of the path are spread evenly again (relabel.c) and the owner rewrites what it stored: order
 * maintenance with a full relabel, amortised because a relabel leaves room for as many inserts
 * per gap as the logarithm of the gap, and room at both ends for inserts in rising order.
 *
 * A path has one such order for numbers and one for strings; values of other types have labels of
 * their own (test.h).
 *
 * Layout: sorted blocks of at most CUTS_BLOCK cuts, so that an insert moves at most one block. The
 * search runs over 8-byte keys that follow the order of values without always deciding it: of a
 * number the double just below it, of a string its first 8 bytes. Numbers that are doubles (all but
 * a few) are their key; only a block that holds something else keeps the values themselves.
 *
 *     block   count cap values? | high halves of keys | labels | low halves | references
 *
 * High halves decide most searches, so a short block costs few cache lines.
 *
 * Invariants (cuts_validate):
 *   C1  cuts are strictly increasing (value_compare), over all blocks; no block is empty
 *   C2  labels strictly increase; neighbours, and the ends of the type's region, are >= CUTS_GAP
 *       apart, so that L-1, L and L+1 belong to one cut only
 *   C3  every cut has at least one reference
 */
#ifndef MATCHENGINE_CUTS_H
#define MATCHENGINE_CUTS_H

#include "heap.h"
#include "prefetch.h"
#include "value.h"

#define CUTS_BLOCK 256u
#define CUTS_GAP 4u

typedef struct cut_block {
    uint32_t count, cap;
    me_value *values; /* they own their bytes; NULL: every cut is the double in its key */
    uint32_t highs[]; /* and cap labels, cap low halves, cap reference counts */
} cut_block;

typedef struct cuts {
    union {
        cut_block *one;   /* block_count <= 1 */
        cut_block **many; /* in order */
    } blocks;
    uint32_t block_count, block_cap;
    uint32_t count;
    uint32_t count_at_relabel; /* growth since then decides who joins the next relabel */
} cuts;

static inline cut_block *cuts_block(const cuts *c, uint32_t i)
{
    return c->block_count <= 1 ? c->blocks.one : c->blocks.many[i];
}

typedef enum cuts_status { CUTS_OK, CUTS_NOMEM, CUTS_FULL } cuts_status;

/* All cuts of one `cuts` are numbers, or all are strings. */
void cuts_free(cuts *c, heap *h);

/* Adds a reference to the cut `value`, making it when it is new (its bytes are copied).
 * CUTS_FULL: no label is free at that place; relabel and try again. Nothing changed then. */
cuts_status cuts_acquire(cuts *c, heap *h, const me_value *value);

/* The label of an existing cut. */
uint32_t cuts_label(const cuts *c, const me_value *value);

/* Takes a reference away. Never fails. */
void cuts_release(cuts *c, heap *h, const me_value *value);

/* The label of an event's value: a canonical number (not NaN) or a string. */
uint32_t cuts_locate(const cuts *c, const me_value *value);

/* Asks for what cuts_locate reads first: all of a short block, the middle of a full one. */
static inline void cuts_prefetch(const cuts *c)
{
    const char *block = (const char *)cuts_block(c, c->block_count / 2);
    uint32_t bytes = c->count * 8 + 32; /* half a key and a label each, and the header */
    for (uint32_t at = 0; at < bytes && at < 512; at += 64) {
        PREFETCH(block + at);
    }
    if (c->block_count > 1) {
        PREFETCH(block + sizeof(cut_block) + (CUTS_BLOCK / 2 - 1) * sizeof(uint32_t));
    }
}

/* The share of the path's cuts that lie within [lo, lo + width], 0..1: how selective a range
 * looks before any event was seen. */
double cuts_share(const cuts *c, uint32_t lo, uint32_t width);

/* Old labels in order beside the new ones. */
typedef struct cuts_map {
    uint32_t *from, *to;
    uint32_t count;
} cuts_map;

/* Computes evenly spread labels, and changes nothing yet. False when there is no memory. */
bool cuts_plan_relabel(const cuts *c, heap *h, cuts_map *map);
void cuts_apply_relabel(cuts *c, const cuts_map *map);
void cuts_map_free(cuts_map *map, heap *h);

/* Translates one end of a stored interval. */
uint32_t cuts_map_label(const cuts_map *map, uint32_t label);

bool cuts_validate(const cuts *c, const char **why);

/* For validating the owner: all references together; is `label` a cut's, or one beside it? */
uint64_t cuts_references(const cuts *c);
bool cuts_has_end(const cuts *c, uint32_t label);

#endif
