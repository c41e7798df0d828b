/* heap.h - the only door to the system allocator.
 *
 * Every block belongs to a `heap`, an accounting of what one owner holds (an engine, one event's
 * scratch memory, one parsed filter). Blocks are freed with their size, so a small block carries no
 * header of ours and `bytes` is exact: it counts what malloc really sets aside (its 8-byte
 * header, rounded up to 16), not only what was asked for. Large blocks, the arrays of everything,
 * start on a cache line, so that an element of 16, 32 or 64 bytes never costs two.
 *
 *     heap h = {0};
 *     char *p = heap_alloc(&h, 100);          h.bytes == 112
 *     heap_free(&h, p, 100);                  h.bytes == 0
 *
 * A heap is not thread-safe; its owner is.
 */
#ifndef MATCHENGINE_HEAP_H
#define MATCHENGINE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct heap {
    size_t bytes;
} heap;

/* Returns uninitialised memory of `size` bytes (size > 0), or NULL. */
void *heap_alloc(heap *h, size_t size);

/* The same, zeroed. */
void *heap_zalloc(heap *h, size_t size);

/* Resizes; `old` is the size it was allocated with (0 when `block` is NULL). Returns NULL and
 * leaves the block as it was when there is no memory. Shrinking to `size` > 0 may also fail. */
void *heap_resize(heap *h, void *block, size_t old, size_t size);

/* What malloc sets aside for a block of `size` bytes. */
size_t heap_footprint(size_t size);

/* NULL is fine. Never fails. */
void heap_free(heap *h, void *block, size_t size);

/* Makes room for `need` elements of `element` bytes in the array `*data` of capacity `*cap`,
 * growing by about a quarter. False, and nothing changed, when there is no memory. */
bool heap_grow(heap *h, void *data, uint32_t *cap, uint32_t need, size_t element);

static inline bool heap_reserve(heap *h, void *data, uint32_t *cap, uint32_t need, size_t element)
{
    return need <= *cap || heap_grow(h, data, cap, need, element);
}

/* Gives free memory of the whole process back to the system, where the allocator can. Takes about
 * 10 ms for some 100 MB in small pieces. */
void heap_trim(void);

/* Test hook: lets the next `successes` allocations succeed and fails every one after it;
 * SIZE_MAX switches the hook off. Does nothing unless built with ME_TESTING. */
void heap_fail_after(size_t successes);

#endif
