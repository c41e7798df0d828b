#include "heap.h"

#include <stdlib.h>
#include <string.h>

#ifdef ME_TESTING
static size_t successes_left = SIZE_MAX;

void heap_fail_after(size_t successes)
{
    successes_left = successes;
}

static bool may_allocate(void)
{
    if (successes_left == SIZE_MAX) {
        return true;
    }
    if (successes_left == 0) {
        return false;
    }
    successes_left--;
    return true;
}
#else
void heap_fail_after(size_t successes)
{
    (void)successes;
}

static bool may_allocate(void)
{
    return true;
}
#endif

/* What malloc sets aside for `size` bytes: 8 bytes of header, 16-byte granules, at least 32. */
static size_t footprint(size_t size)
{
    size_t chunk = (size + 8 + 15) & ~(size_t)15;
    return chunk < 32 ? 32 : chunk;
}

void *heap_alloc(heap *h, size_t size)
{
    void *block = may_allocate() ? malloc(size) : NULL;
    if (block != NULL) {
        h->bytes += footprint(size);
    }
    return block;
}

void *heap_zalloc(heap *h, size_t size)
{
    void *block = may_allocate() ? calloc(1, size) : NULL;
    if (block != NULL) {
        h->bytes += footprint(size);
    }
    return block;
}

void *heap_resize(heap *h, void *block, size_t old, size_t size)
{
    if (block == NULL) {
        return heap_alloc(h, size);
    }
    void *moved = may_allocate() ? realloc(block, size) : NULL;
    if (moved != NULL) {
        h->bytes += footprint(size) - footprint(old);
    }
    return moved;
}

void heap_free(heap *h, void *block, size_t size)
{
    if (block != NULL) {
        h->bytes -= footprint(size);
        free(block);
    }
}

bool heap_grow(heap *h, void *data, uint32_t *cap, uint32_t need, size_t element)
{
    uint64_t grown = (uint64_t)*cap + *cap / 4 + 4;
    uint64_t room = grown > need ? grown : need;
    if (room > UINT32_MAX || room > SIZE_MAX / element) {
        return false;
    }
    void *array;
    memcpy(&array, data, sizeof array); /* `data` is the address of a pointer of any type */
    array = heap_resize(h, array, (size_t)*cap * element, (size_t)room * element);
    if (array == NULL) {
        return false;
    }
    memcpy(data, &array, sizeof array);
    *cap = (uint32_t)room;
    return true;
}
