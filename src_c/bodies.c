#include "bodies.h"

#include <string.h>

#include "require.h"

#define CHUNK_INDEX_MAX ((1u << BODY_INDEX_BITS) / BODY_CHUNK - 1)

static size_t chunk_bytes(uint32_t size)
{
    return (size_t)BODY_CHUNK * size * sizeof(test);
}

void bodies_init(bodies *b, heap *h)
{
    *b = (bodies){.heap = h};
}

void bodies_free(bodies *b)
{
    for (uint32_t size = 1; size <= BODY_MAX; size++) {
        body_slab *s = &b->slabs[size];
        for (uint32_t i = 0; i < s->count; i++) {
            heap_free(b->heap, s->chunks[i].tests, chunk_bytes(size));
        }
        heap_free(b->heap, s->chunks, s->cap * sizeof(body_chunk));
        *s = (body_slab){0};
    }
}

static bool has_room(const body_chunk *c)
{
    return c->tests != NULL && c->live < BODY_CHUNK;
}

/* A chunk with room: the hint, else any, else a new one in the first empty place. */
static body_chunk *roomy_chunk(bodies *b, uint32_t size)
{
    body_slab *s = &b->slabs[size];
    if (s->roomy < s->count && has_room(&s->chunks[s->roomy])) {
        return &s->chunks[s->roomy];
    }
    uint32_t empty = s->count;
    for (uint32_t i = 0; i < s->count; i++) {
        if (has_room(&s->chunks[i])) {
            s->roomy = i;
            return &s->chunks[i];
        }
        if (s->chunks[i].tests == NULL) {
            empty = i;
        }
    }
    if (empty > CHUNK_INDEX_MAX ||
        !heap_reserve(b->heap, &s->chunks, &s->cap, empty + 1, sizeof(body_chunk))) {
        return NULL;
    }
    body_chunk fresh = {.free_head = BODY_NONE};
    fresh.tests = heap_alloc(b->heap, chunk_bytes(size));
    if (fresh.tests == NULL) {
        return NULL;
    }
    s->count = empty == s->count ? empty + 1 : s->count;
    s->chunks[empty] = fresh;
    s->roomy = empty;
    return &s->chunks[empty];
}

uint32_t bodies_new(bodies *b, uint32_t size)
{
    body_chunk *c = roomy_chunk(b, size);
    if (c == NULL) {
        return BODY_NONE;
    }
    uint32_t record = c->free_head;
    if (record != BODY_NONE) {
        c->free_head = c->tests[(size_t)record * size].what;
    } else {
        record = c->used++;
    }
    c->live++;
    uint32_t chunk = (uint32_t)(c - b->slabs[size].chunks);
    return size << BODY_INDEX_BITS | (chunk * BODY_CHUNK + record);
}

void bodies_release(bodies *b, uint32_t body)
{
    uint32_t size = body_size(body), index = body & ((1u << BODY_INDEX_BITS) - 1);
    body_slab *s = &b->slabs[size];
    body_chunk *c = &s->chunks[index / BODY_CHUNK];
    c->tests[(size_t)(index % BODY_CHUNK) * size].what = c->free_head;
    c->free_head = index % BODY_CHUNK;
    s->roomy = index / BODY_CHUNK;
    if (--c->live > 0) {
        return;
    }
    heap_free(b->heap, c->tests, chunk_bytes(size));
    *c = (body_chunk){.free_head = BODY_NONE};
    while (s->count > 0 && s->chunks[s->count - 1].tests == NULL) {
        s->count--;
    }
    if (s->count == 0) {
        heap_free(b->heap, s->chunks, s->cap * sizeof(body_chunk));
        *s = (body_slab){0};
    }
}

bool bodies_validate(const bodies *b, const char **why)
{
    for (uint32_t size = 1; size <= BODY_MAX; size++) {
        for (uint32_t i = 0; i < b->slabs[size].count; i++) {
            const body_chunk *c = &b->slabs[size].chunks[i];
            uint32_t free_records = 0;
            for (uint32_t f = c->free_head; f != BODY_NONE && free_records <= c->used;
                 f = c->tests[(size_t)f * size].what) {
                free_records++;
            }
            REQUIRE(c->live + free_records == c->used);
            REQUIRE((c->tests == NULL) == (c->live == 0));
        }
    }
    return true;
}
