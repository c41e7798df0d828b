#include "bind.h"

#include <string.h>

#include "value.h"

#define SEED UINT64_C(0x9e3779b97f4a7c15)

static size_t block_size(const bindings *b)
{
    return ((size_t)b->mask + 1) * sizeof(uint32_t) + b->count;
}

static bool has_name(const me_parameter *parameter, const char *name, size_t length)
{
    return parameter->length == length && memcmp(parameter->name, name, length) == 0;
}

/* The slot of the name: that of its parameter, or the empty one where it would go. */
static uint32_t *slot_of(const bindings *b, const char *name, size_t length)
{
    uint64_t at = hash_bytes(name, length, SEED);
    for (;; at++) {
        uint32_t *slot = &b->slots[at & b->mask];
        if (*slot == 0 || has_name(&b->parameters[*slot - 1], name, length)) {
            return slot;
        }
    }
}

bool bindings_init(bindings *b, heap *h, const me_parameter *parameters, size_t count)
{
    *b = (bindings){.parameters = parameters};
    if (count == 0) {
        return true;
    }
    if (count > UINT32_C(1) << 30) {
        return false;
    }
    b->count = (uint32_t)count;
    b->mask = 1;
    while (b->mask + 1 < 2 * b->count) {
        b->mask = 2 * b->mask + 1;
    }
    b->slots = heap_zalloc(h, block_size(b));
    if (b->slots == NULL) {
        return false;
    }
    b->used = (uint8_t *)(b->slots + b->mask + 1);
    for (uint32_t i = 0; i < b->count; i++) {
        uint32_t *slot = slot_of(b, parameters[i].name, parameters[i].length);
        *slot = *slot == 0 ? i + 1 : *slot; /* of two with one name the second is never found */
    }
    return true;
}

void bindings_free(bindings *b, heap *h)
{
    if (b->slots != NULL) {
        heap_free(h, b->slots, block_size(b));
    }
}

const me_parameter *bindings_find(bindings *b, const char *name, size_t length)
{
    uint32_t number = b->slots == NULL ? 0 : *slot_of(b, name, length);
    if (number == 0) {
        return NULL;
    }
    b->used[number - 1] = 1;
    return &b->parameters[number - 1];
}

const me_parameter *bindings_unused(const bindings *b)
{
    const uint8_t *first = b->count == 0 ? NULL : memchr(b->used, 0, b->count);
    return first == NULL ? NULL : &b->parameters[first - b->used];
}
