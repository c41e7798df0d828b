/* bodies.h - the residual tests of subscriptions, in slabs of equal-sized records.
 *
 * What is left to verify after a subscription's anchor has fired: 0 to BODY_MAX tests, 12 bytes
 * each, side by side, so that a candidate costs one or two cache lines and no pointer. Records of
 * one size share chunks of about 48 KiB; a record's reference is its size and its index.
 *
 *     size 4:  chunk 0 [tests of body 0][body 1][free]...     chunk 1 ...
 *
 * A reference never moves while the record lives, so a cluster may reorder its rows freely. Free
 * records of a chunk form a list through their own memory; a chunk without live records is given
 * back.
 */
#ifndef MATCHENGINE_BODIES_H
#define MATCHENGINE_BODIES_H

#include "heap.h"
#include "test.h"

#define BODY_MAX 12u         /* more tests than this become a program */
#define BODY_NONE UINT32_MAX /* nothing left to verify */
#define BODY_INDEX_BITS 28u
#define BODY_CHUNK 1024u /* records in a chunk */

typedef struct body_chunk {
    test *tests; /* NULL when given back */
    uint32_t live;
    uint32_t free_head; /* record within the chunk, BODY_NONE for none */
    uint32_t used;      /* records ever taken */
} body_chunk;

typedef struct body_slab {
    body_chunk *chunks;
    uint32_t count, cap;
    uint32_t roomy; /* a chunk that may have room; where the next search starts */
} body_slab;

typedef struct bodies {
    heap *heap;
    body_slab slabs[BODY_MAX + 1];
} bodies;

void bodies_init(bodies *b, heap *h);
void bodies_free(bodies *b);

/* A record for `size` tests (1..BODY_MAX), or BODY_NONE when there is no memory. */
uint32_t bodies_new(bodies *b, uint32_t size);
void bodies_release(bodies *b, uint32_t body);

static inline uint32_t body_size(uint32_t body)
{
    return body >> BODY_INDEX_BITS;
}

/* The tests of a record. */
static inline test *body_tests(const bodies *b, uint32_t body)
{
    uint32_t size = body_size(body), index = body & ((1u << BODY_INDEX_BITS) - 1);
    const body_chunk *chunk = &b->slabs[size].chunks[index / BODY_CHUNK];
    return chunk->tests + (size_t)(index % BODY_CHUNK) * size;
}

bool bodies_validate(const bodies *b, const char **why);

#endif
