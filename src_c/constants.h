/* constants.h - the (path, value) pairs that = , <> and IN use, each with a number.
 *
 * One open-addressing table for all paths. A slot is 8 bytes, the hash's upper half beside the
 * number, so a probe reads one cache line and touches a record only when it is almost surely the
 * right one; the record holds the cluster of the subscriptions anchored on the pair, so an event's
 * value goes from bytes to candidates in two cache misses.
 *
 *     slots   [tag|7] [  0  ] [tag|2] ...        records  2: (symbol, 'ACME') cluster 41
 *                                                         7: (price, 10)      no cluster
 *
 * Numbers never change while a constant is referenced (there is no order to maintain, unlike
 * cuts.h) and are reused afterwards.
 */
#ifndef MATCHENGINE_CONSTANTS_H
#define MATCHENGINE_CONSTANTS_H

#include "heap.h"
#include "value.h"

#define CONSTANT_NONE UINT32_MAX

typedef struct constant {
    me_value value; /* canonical, owns its bytes; type 0 in a free record */
    uint32_t path;  /* next free number in a free record */
    uint32_t references;
    uint32_t cluster; /* CLUSTER_NONE when nothing is anchored here */
    uint32_t seen;    /* sampled events that had it (cost.h) */
} constant;

typedef struct constants {
    heap *heap;
    constant *records;
    uint32_t count, cap, free_head, live;
    uint64_t *slots;
    uint32_t mask;
    uint64_t seed;
} constants;

bool constants_init(constants *c, heap *h, uint64_t seed);
void constants_free(constants *c);

/* The number of (path, canonical value), or CONSTANT_NONE. */
uint32_t constants_find(const constants *c, uint32_t path, const me_value *value);

/* The same in steps that can be done for many values together: the hash, whose slot is
 * slots[hash & mask]; the record it most likely leads to; the answer. */
uint64_t constants_hash(const constants *c, uint32_t path, const me_value *value);
uint32_t constants_find_hashed(const constants *c, uint32_t path, const me_value *value,
                               uint64_t hash);

static inline uint32_t constants_guess(const constants *c, uint64_t hash)
{
    for (uint32_t at = (uint32_t)hash & c->mask;; at = (at + 1) & c->mask) {
        uint64_t slot = c->slots[at];
        if (slot == 0 || slot >> 32 == hash >> 32) {
            return (uint32_t)slot - 1;
        }
    }
}

/* One bit of 64 by the hash: a path with few constants keeps the bits of them all (engine.h), so
 * that most values that are none of them cost no probe. */
static inline uint64_t constants_mark(uint64_t hash)
{
    return UINT64_C(1) << (hash >> 58);
}

/* Adds a reference, making the constant when it is new. CONSTANT_NONE: no memory, nothing changed. */
uint32_t constants_acquire(constants *c, uint32_t path, const me_value *value, uint64_t hash);

/* Takes a reference away. Never fails. */
void constants_release(constants *c, uint32_t number);

/* The code (test.h) of a constant. */
uint32_t constants_code(const constants *c, uint32_t number);

bool constants_validate(const constants *c, const char **why);

#endif
