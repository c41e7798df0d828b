/* number_set.c - which destinations has this event reached already? See scratch.h. */
#include <string.h>

#include "scratch.h"

#define FIRST_SLOTS 64u

static size_t slots_bytes(const number_set *s)
{
    return ((size_t)s->mask + 1) * sizeof(uint32_t);
}

void number_set_free(number_set *s, heap *h)
{
    if (s->mask > 0) {
        heap_free(h, s->numbers, slots_bytes(s));
        heap_free(h, s->stamps, slots_bytes(s));
    }
    *s = (number_set){0};
}

/* The slot of a number, or the free one where it belongs. */
static uint32_t slot_of(const number_set *s, uint32_t number)
{
    uint32_t at = (uint32_t)((number * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & s->mask;
    while (s->stamps[at] == s->epoch && s->numbers[at] != number) {
        at = (at + 1) & s->mask;
    }
    return at;
}

static bool resize(number_set *s, heap *h, uint32_t slots)
{
    number_set larger = {.mask = slots - 1, .epoch = 1};
    larger.numbers = heap_alloc(h, slots_bytes(&larger));
    larger.stamps = heap_zalloc(h, slots_bytes(&larger));
    if (larger.numbers == NULL || larger.stamps == NULL) {
        number_set_free(&larger, h);
        return false;
    }
    for (uint32_t i = 0; s->mask > 0 && i <= s->mask; i++) {
        if (s->stamps[i] == s->epoch) {
            uint32_t at = slot_of(&larger, s->numbers[i]);
            larger.numbers[at] = s->numbers[i];
            larger.stamps[at] = larger.epoch;
            larger.count++;
        }
    }
    number_set_free(s, h);
    *s = larger;
    return true;
}

bool number_set_begin(number_set *s, heap *h)
{
    if (s->mask == 0 && !resize(s, h, FIRST_SLOTS)) {
        return false;
    }
    s->count = 0;
    if (++s->epoch == 0) { /* wrapped: stamps of 2^32 events ago would look new */
        memset(s->stamps, 0, slots_bytes(s));
        s->epoch = 1;
    }
    return true;
}

bool number_set_add(number_set *s, heap *h, uint32_t number)
{
    if (s->count >= s->mask / 2 && !resize(s, h, (s->mask + 1) * 2)) {
        return false;
    }
    uint32_t at = slot_of(s, number);
    s->count += s->stamps[at] != s->epoch;
    s->numbers[at] = number;
    s->stamps[at] = s->epoch;
    return true;
}

bool number_set_has(const number_set *s, uint32_t number)
{
    return s->stamps[slot_of(s, number)] == s->epoch;
}
