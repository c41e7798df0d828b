/* clusters.h - the subscriptions filed under one anchor, as columns.
 *
 * An anchor is a necessary condition of a subscription: it is filed there, and is looked at only
 * for events that meet it. Anchors, and what leads to them:
 *
 *     EQUAL    a value of a path        constant -> cluster           (constants.h)
 *     PRESENT  a path has any value     path -> cluster
 *     RANGE    a label in an interval   path -> one wide cluster, and cells for narrow intervals
 *     PATTERN  a string pattern fired   pattern -> cluster
 *     ALWAYS   nothing                  one cluster, looked at for every event
 *
 * Rows are columns in one block:
 *
 *     tails[cap]       owner: handle, and ROW_MANY when       8 bytes
 *                      the subscription has other rows too;
 *                      body: what is left to verify (bodies.h)
 *     ranges[cap]      lo, width: RANGE only                  8
 *     needs[cap]       paths the row needs (sieve.h)          4
 *
 * `needs` is streamed; tail and range are read of the few rows that pass. Most clusters are small
 * when values are many, and looking into one should cost one cache line: the header, which is one,
 * holds the needs of up to CLUSTER_FEW rows, and a row that is alone altogether.
 *
 * Cells: an interval of labels narrower than 2^k is filed under the cell lo >> k of class k; cell c
 * covers [c * 2^k, (c + 2) * 2^k), so neighbouring cells overlap, every interval lies in one cell
 * whole, and a label looks into two cells of each class in use. Classes are even k, to have few.
 */
#ifndef MATCHENGINE_CLUSTERS_H
#define MATCHENGINE_CLUSTERS_H

#include "heap.h"
#include "sieve.h"

#define CLUSTER_NONE UINT32_MAX
#define ROW_MANY 0x80000000u
#define OWNER_MASK 0x7FFFFFFFu

typedef enum cluster_kind {
    CLUSTER_FREE,
    CLUSTER_ALWAYS,
    CLUSTER_EQUAL,   /* key: constant number */
    CLUSTER_PRESENT, /* key: path */
    CLUSTER_WIDE,    /* key: path */
    CLUSTER_CELL,    /* key: path, class, cell */
    CLUSTER_PATTERN, /* key: pattern number */
} cluster_kind;

typedef struct row_tail {
    uint32_t owner, body;
} row_tail;

typedef struct row {
    row_tail tail;
    sieve_range range;
    uint32_t needs;
} row;

#define CLUSTER_FEW 8u

typedef struct cluster {
    uint8_t kind; /* cluster_kind */
    uint8_t class_bits;
    uint32_t key; /* next free cluster when free */
    uint32_t cell;
    uint32_t count, cap;
    void *block; /* cap > 1: tails, then ranges, and needs of more than CLUSTER_FEW rows */
    union {
        row one; /* cap 1 */
        uint32_t few[CLUSTER_FEW];
    } rows;
} cluster;

_Static_assert(sizeof(void *) != 8 || sizeof(cluster) == 64, "a cluster's header is a cache line");

typedef struct columns {
    uint32_t *needs;
    row_tail *tails;
    sieve_range *ranges; /* clusters of ranges only */
} columns;

typedef struct clusters {
    heap *heap;
    cluster *all;
    uint32_t count, cap, free_head, live;
    uint64_t *cells; /* slots: hash tag, cluster + 1 */
    uint32_t cell_mask, cell_count;
} clusters;

static inline bool cluster_has_ranges(const cluster *c)
{
    return c->kind == CLUSTER_WIDE || c->kind == CLUSTER_CELL;
}

/* The needs of a cluster: all that most looks into it read. */
static inline uint32_t *cluster_needs(cluster *c)
{
    if (c->cap <= CLUSTER_FEW) {
        return c->cap == 1 ? &c->rows.one.needs : c->rows.few;
    }
    size_t before = sizeof(row_tail) + (cluster_has_ranges(c) ? sizeof(sieve_range) : 0);
    return (uint32_t *)(void *)((char *)c->block + c->cap * before);
}

/* Where the columns of a cluster are. */
static inline columns cluster_columns(cluster *c)
{
    if (c->cap == 1) {
        row *r = &c->rows.one;
        return (columns){&r->needs, &r->tail, &r->range};
    }
    row_tail *tails = c->block;
    return (columns){cluster_needs(c), tails, (sieve_range *)(void *)(tails + c->cap)};
}

bool clusters_init(clusters *cs, heap *h);
void clusters_free(clusters *cs);

/* A new empty cluster, or CLUSTER_NONE. A cell is entered into the directory. */
uint32_t clusters_new(clusters *cs, cluster_kind kind, uint32_t key);
uint32_t clusters_new_cell(clusters *cs, uint32_t path, uint32_t class_bits, uint32_t cell);
uint32_t clusters_find_cell(const clusters *cs, uint32_t path, uint32_t class_bits, uint32_t cell);

/* Frees an empty cluster. Never fails. */
void clusters_drop(clusters *cs, uint32_t number);

/* Makes room for `more` rows. */
bool cluster_reserve(clusters *cs, uint32_t number, uint32_t more);

/* Appends a row; returns its position. Room must have been made. */
uint32_t cluster_append(clusters *cs, uint32_t number, const row *r);

row cluster_row(const clusters *cs, uint32_t number, uint32_t at);

/* Takes row `at` out by moving the last row there; the caller tells the moved row's subscription.
 * Returns the owner column entry of the moved row, or UINT32_MAX when none moved. Gives memory
 * back as the cluster empties, but does not drop it. */
uint32_t cluster_remove(clusters *cs, uint32_t number, uint32_t at);

bool clusters_validate(const clusters *cs, const char **why);

#endif
