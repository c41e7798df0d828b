#include "arena.h"

#define FIRST_BLOCK ((size_t)4096)

void arena_init(arena *a, heap *h)
{
    *a = (arena){.heap = h};
}

static void free_block(arena *a, uint32_t i)
{
    heap_free(a->heap, a->blocks[i], a->sizes[i]);
}

void arena_free(arena *a)
{
    for (uint32_t i = 0; i < a->count; i++) {
        free_block(a, i);
    }
    heap_free(a->heap, a->blocks, a->cap * sizeof *a->blocks);
    heap_free(a->heap, a->sizes, a->sizes_cap * sizeof *a->sizes);
    arena_init(a, a->heap);
}

void arena_reset(arena *a)
{
    size_t kept = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < a->count; i++) {
        if (kept + a->sizes[i] > ARENA_KEEPS) {
            free_block(a, i);
            continue;
        }
        kept += a->sizes[i];
        a->blocks[count] = a->blocks[i];
        a->sizes[count++] = a->sizes[i];
    }
    a->count = count;
    a->current = 0;
    a->used = 0;
}

/* Blocks double, so that their number stays small however much is asked for. */
static bool add_block(arena *a, size_t size)
{
    size_t room = FIRST_BLOCK;
    if (a->count > 0) {
        size_t last = a->sizes[a->count - 1];
        room = last < ARENA_KEEPS ? last * 2 : last;
    }
    room = room > size ? room : size;
    uint32_t need = a->count + 1;
    if (!heap_reserve(a->heap, &a->blocks, &a->cap, need, sizeof *a->blocks) ||
        !heap_reserve(a->heap, &a->sizes, &a->sizes_cap, need, sizeof *a->sizes)) {
        return false;
    }
    char *block = heap_alloc(a->heap, room);
    if (block == NULL) {
        return false;
    }
    a->blocks[a->count] = block;
    a->sizes[a->count++] = room;
    return true;
}

char *arena_bytes(arena *a, size_t size)
{
    while (a->current < a->count) {
        if (size <= a->sizes[a->current] - a->used) {
            char *bytes = a->blocks[a->current] + a->used;
            a->used += size;
            return bytes;
        }
        a->current++;
        a->used = 0;
    }
    if (!add_block(a, size)) {
        return NULL;
    }
    a->used = size; /* the new block is the last one, and `current` points to it */
    return a->blocks[a->current];
}

void *arena_array(arena *a, size_t count, size_t size)
{
    size_t align = sizeof(uint64_t), bytes = (count > 0 ? count : 1) * size;
    char *room = arena_bytes(a, bytes + align);
    return room == NULL ? NULL : room + (align - (uintptr_t)room % align) % align;
}
