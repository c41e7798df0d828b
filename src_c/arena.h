/* arena.h - bytes that all go at once.
 *
 * What one event, or one question about filters, needs of memory is cut from blocks that double in
 * size. Nothing in it is freed alone; a reset forgets everything and keeps up to 1 MiB of blocks
 * for the next one.
 */
#ifndef MATCHENGINE_ARENA_H
#define MATCHENGINE_ARENA_H

#include "heap.h"

#define ARENA_KEEPS ((size_t)1 << 20)

typedef struct arena {
    heap *heap;
    char **blocks;
    size_t *sizes;
    uint32_t count, cap, sizes_cap;
    uint32_t current; /* the block that is cut from, */
    size_t used;      /* and how much of it is taken */
} arena;

void arena_init(arena *a, heap *h);
void arena_free(arena *a);
void arena_reset(arena *a);

/* `size` bytes that live until the next reset; NULL when there is no memory. */
char *arena_bytes(arena *a, size_t size);

/* Room for `count` elements of `size` bytes, aligned for any number or pointer. */
void *arena_array(arena *a, size_t count, size_t size);

#endif
