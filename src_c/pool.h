/* pool.h - numbered blocks of memory: sets of codes, programs, lists of rows.
 *
 * Most subscriptions own none of these, so they are plain heap blocks behind a table of pointers;
 * a freed number is the first to be used again.
 */
#ifndef MATCHENGINE_POOL_H
#define MATCHENGINE_POOL_H

#include "heap.h"

#define POOL_NONE UINT32_MAX

typedef struct pool_slot {
    void *block; /* NULL: free, and `size` is the next free number */
    size_t size;
} pool_slot;

typedef struct pool {
    heap *heap;
    pool_slot *slots;
    uint32_t count, cap, free_head, live;
} pool;

void pool_init(pool *p, heap *h);
void pool_free(pool *p);

/* A new block of `size` bytes (> 0), uninitialised; its number, or POOL_NONE. */
uint32_t pool_new(pool *p, size_t size);
void pool_release(pool *p, uint32_t number);

static inline void *pool_block(const pool *p, uint32_t number)
{
    return p->slots[number].block;
}

#endif
