#include "pool.h"

void pool_init(pool *p, heap *h)
{
    *p = (pool){.heap = h, .free_head = POOL_NONE};
}

void pool_free(pool *p)
{
    for (uint32_t i = 0; i < p->count; i++) {
        if (p->slots[i].block != NULL) {
            heap_free(p->heap, p->slots[i].block, p->slots[i].size);
        }
    }
    heap_free(p->heap, p->slots, p->cap * sizeof(pool_slot));
    pool_init(p, p->heap);
}

uint32_t pool_new(pool *p, size_t size)
{
    uint32_t number = p->free_head;
    if (number == POOL_NONE &&
        !heap_reserve(p->heap, &p->slots, &p->cap, p->count + 1, sizeof(pool_slot))) {
        return POOL_NONE;
    }
    void *block = heap_alloc(p->heap, size);
    if (block == NULL) {
        return POOL_NONE;
    }
    if (number == POOL_NONE) {
        number = p->count++;
    } else {
        p->free_head = (uint32_t)p->slots[number].size;
    }
    p->slots[number] = (pool_slot){block, size};
    p->live++;
    return number;
}

void pool_release(pool *p, uint32_t number)
{
    heap_free(p->heap, p->slots[number].block, p->slots[number].size);
    p->slots[number] = (pool_slot){NULL, p->free_head};
    p->free_head = number;
    if (--p->live == 0) {
        pool_free(p);
    }
}
