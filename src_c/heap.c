#include "heap.h"

#include <stdlib.h>
#include <string.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

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

/* ---- large blocks --------------------------------------------------------------------------------
 *
 *     raw  ... [offset] | block, on a cache line
 */
#define LARGE 4096u
#define MOST (SIZE_MAX / 2)
#define LINE 64u
#define SLACK (LINE + sizeof(uint64_t))

static bool is_large(size_t size)
{
    return size >= LARGE;
}

static size_t offset_of(const void *block)
{
    uint64_t offset;
    memcpy(&offset, (const char *)block - sizeof offset, sizeof offset);
    return (size_t)offset;
}

/* The block inside `raw`, whose contents, `size` bytes, still lie `old` bytes behind it. */
static void *block_in(char *raw, size_t old, size_t size)
{
    uint64_t offset = LINE - ((uintptr_t)raw & (LINE - 1));
    offset += offset < sizeof offset ? LINE : 0;
    if (size > 0 && offset != old) {
        memmove(raw + offset, raw + old, size);
    }
    memcpy(raw + offset - sizeof offset, &offset, sizeof offset);
    return raw + offset;
}

static size_t room_for(size_t size)
{
    return is_large(size) ? size + SLACK : size;
}

/* 8 bytes of header, 16-byte granules, at least 32. */
size_t heap_footprint(size_t size)
{
    size_t chunk = (room_for(size) + 8 + 15) & ~(size_t)15;
    return chunk < 32 ? 32 : chunk;
}

static void *take(heap *h, void *raw, size_t size)
{
    if (raw == NULL) {
        return NULL;
    }
    h->bytes += heap_footprint(size);
    return is_large(size) ? block_in(raw, 0, 0) : raw;
}

void *heap_alloc(heap *h, size_t size)
{
    return take(h, may_allocate() && size <= MOST ? malloc(room_for(size)) : NULL, size);
}

void *heap_zalloc(heap *h, size_t size)
{
    return take(h, may_allocate() && size <= MOST ? calloc(1, room_for(size)) : NULL, size);
}

/* From small to large or back: another block. */
static void *exchange(heap *h, void *block, size_t old, size_t size)
{
    void *other = heap_alloc(h, size);
    if (other != NULL) {
        memcpy(other, block, old < size ? old : size);
        heap_free(h, block, old);
    }
    return other;
}

void *heap_resize(heap *h, void *block, size_t old, size_t size)
{
    if (block == NULL) {
        return heap_alloc(h, size);
    }
    if (is_large(old) != is_large(size)) {
        return exchange(h, block, old, size);
    }
    size_t offset = is_large(old) ? offset_of(block) : 0;
    void *raw = (char *)block - offset;
    raw = may_allocate() && size <= MOST ? realloc(raw, room_for(size)) : NULL;
    if (raw == NULL) {
        return NULL;
    }
    h->bytes += heap_footprint(size) - heap_footprint(old);
    return is_large(size) ? block_in(raw, offset, old < size ? old : size) : raw;
}

void heap_free(heap *h, void *block, size_t size)
{
    if (block != NULL) {
        h->bytes -= heap_footprint(size);
        free((char *)block - (is_large(size) ? offset_of(block) : 0));
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

void heap_trim(void)
{
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}
