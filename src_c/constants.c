#include "constants.h"

#include "clusters.h"
#include "require.h"
#include "test.h"

#define FIRST_SLOTS 16u

uint64_t constants_hash(const constants *c, uint32_t path, const me_value *value)
{
    return value_hash(value, c->seed ^ ((uint64_t)path + 1) * 0x9E3779B97F4A7C15u);
}

/* The upper half of the hash marks the slot, the lower half places it. */
static uint64_t slot_of(uint64_t hash, uint32_t number)
{
    return (hash >> 32) << 32 | (number + 1);
}

bool constants_init(constants *c, heap *h, uint64_t seed)
{
    *c = (constants){.heap = h, .seed = seed, .free_head = CONSTANT_NONE};
    c->slots = heap_zalloc(h, FIRST_SLOTS * sizeof(uint64_t));
    c->mask = FIRST_SLOTS - 1;
    return c->slots != NULL;
}

void constants_free(constants *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        value_drop(&c->records[i].value, c->heap);
    }
    heap_free(c->heap, c->records, c->cap * sizeof(constant));
    heap_free(c->heap, c->slots, ((size_t)c->mask + 1) * sizeof(uint64_t));
    *c = (constants){0};
}

uint32_t constants_find(const constants *c, uint32_t path, const me_value *value)
{
    return constants_find_hashed(c, path, value, constants_hash(c, path, value));
}

uint32_t constants_find_hashed(const constants *c, uint32_t path, const me_value *value,
                               uint64_t hash)
{
    uint32_t tag = (uint32_t)(hash >> 32);
    for (uint32_t at = (uint32_t)hash & c->mask;; at = (at + 1) & c->mask) {
        uint64_t slot = c->slots[at];
        if (slot == 0) {
            return CONSTANT_NONE;
        }
        if ((uint32_t)(slot >> 32) == tag) {
            const constant *k = &c->records[(uint32_t)slot - 1];
            if (k->path == path && value_equal(&k->value, value)) {
                return (uint32_t)slot - 1;
            }
        }
    }
}

static void place(uint64_t *slots, uint32_t mask, uint64_t hash, uint64_t slot)
{
    uint32_t at = (uint32_t)hash & mask;
    while (slots[at] != 0) {
        at = (at + 1) & mask;
    }
    slots[at] = slot;
}

static bool rehash(constants *c, uint32_t size)
{
    uint64_t *slots = heap_zalloc(c->heap, size * sizeof(uint64_t));
    if (slots == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->records[i].value.type != 0) {
            uint64_t hash = constants_hash(c, c->records[i].path, &c->records[i].value);
            place(slots, size - 1, hash, slot_of(hash, i));
        }
    }
    heap_free(c->heap, c->slots, ((size_t)c->mask + 1) * sizeof(uint64_t));
    c->slots = slots;
    c->mask = size - 1;
    return true;
}

/* A record number to write to; the free list first. */
static uint32_t new_record(constants *c)
{
    if (c->free_head != CONSTANT_NONE) {
        return c->free_head;
    }
    if (c->count >= CODE_CONSTANTS_MAX ||
        !heap_reserve(c->heap, &c->records, &c->cap, c->count + 1, sizeof(constant))) {
        return CONSTANT_NONE;
    }
    return c->count;
}

uint32_t constants_acquire(constants *c, uint32_t path, const me_value *value, uint64_t hash)
{
    uint32_t number = constants_find_hashed(c, path, value, hash);
    if (number != CONSTANT_NONE) {
        c->records[number].references++;
        return number;
    }
    if ((uint64_t)(c->live + 1) * 3 > (uint64_t)c->mask * 2 && !rehash(c, (c->mask + 1) * 2)) {
        return CONSTANT_NONE;
    }
    number = new_record(c);
    me_value kept;
    if (number == CONSTANT_NONE || !value_keep(c->heap, value, &kept)) {
        return CONSTANT_NONE;
    }
    if (number == c->count) {
        c->count++;
    } else {
        c->free_head = c->records[number].path;
    }
    c->live++;
    c->records[number] =
        (constant){.value = kept, .path = path, .references = 1, .cluster = CLUSTER_NONE};
    place(c->slots, c->mask, hash, slot_of(hash, number));
    return number;
}

/* Empties a slot and moves back the ones that had to step over it, so that no tombstone is left. */
static void empty_slot(constants *c, uint32_t hole)
{
    for (uint32_t at = (hole + 1) & c->mask; c->slots[at] != 0; at = (at + 1) & c->mask) {
        const constant *k = &c->records[(uint32_t)c->slots[at] - 1];
        uint32_t home = (uint32_t)constants_hash(c, k->path, &k->value) & c->mask;
        if (((at - home) & c->mask) >= ((at - hole) & c->mask)) {
            c->slots[hole] = c->slots[at];
            hole = at;
        }
    }
    c->slots[hole] = 0;
}

void constants_release(constants *c, uint32_t number)
{
    constant *k = &c->records[number];
    if (--k->references > 0) {
        return;
    }
    uint32_t at = (uint32_t)constants_hash(c, k->path, &k->value) & c->mask;
    while ((uint32_t)c->slots[at] != number + 1) {
        at = (at + 1) & c->mask;
    }
    empty_slot(c, at);
    value_drop(&k->value, c->heap);
    *k = (constant){.path = c->free_head};
    c->free_head = number;
    c->live--;
    if (c->mask >= 1024 && c->live < c->mask / 8) {
        rehash(c, (c->mask + 1) / 2); /* no memory for a smaller table: keep the large one */
    }
    if (c->live == 0) {
        heap_free(c->heap, c->records, c->cap * sizeof(constant));
        c->records = NULL;
        c->count = c->cap = 0;
        c->free_head = CONSTANT_NONE;
    }
}

uint32_t constants_code(const constants *c, uint32_t number)
{
    const me_value *v = &c->records[number].value;
    if (v->type == ME_BOOL) {
        return v->as.i ? CODE_TRUE : CODE_FALSE;
    }
    return (v->type == ME_STRING ? CODE_STRINGS : CODE_NUMBERS) + 1 + number;
}

bool constants_validate(const constants *c, const char **why)
{
    uint32_t live = 0, filled = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        const constant *k = &c->records[i];
        if (k->value.type != 0) {
            live++;
            REQUIRE(k->references > 0);
            REQUIRE(constants_find(c, k->path, &k->value) == i);
        }
    }
    for (uint32_t i = 0; i <= c->mask; i++) {
        filled += c->slots[i] != 0;
    }
    REQUIRE(live == c->live);
    REQUIRE(filled == live);
    return true;
}
