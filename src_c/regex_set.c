/* regex_set.c - sets of code points, each kept once, as ranges in order. */
#include <stdlib.h>
#include <string.h>

#include "category_table.h"
#include "regex_parts.h"

#define LAST_POINT 0x10FFFFu

#define STRETCHES (sizeof category_table / sizeof *category_table)

void regex_sets_free(regex_sets *s)
{
    heap_free(s->heap, s->ranges, s->range_cap * sizeof *s->ranges);
    heap_free(s->heap, s->all, s->cap * sizeof *s->all);
    *s = (regex_sets){.heap = s->heap};
}

/* ---- collecting --------------------------------------------------------------------------------- */

me_status regex_set_add(regex_sets *s, uint32_t first, uint32_t last)
{
    if (s->range_count >= s->range_most) {
        return ME_FILTER_LIMIT;
    }
    if (!heap_reserve(s->heap, &s->ranges, &s->range_cap, s->range_count + 1, sizeof *s->ranges)) {
        return ME_NOMEM;
    }
    s->ranges[s->range_count++] = (regex_range){first, last};
    return ME_OK;
}

/* Is it the category of this name, or one of those whose first letter it is? */
static bool is_called(const char *category, const char *name, size_t length)
{
    return memcmp(category, name, length) == 0;
}

bool regex_category_exists(const char *name, size_t length)
{
    bool exists = false;
    for (size_t i = 0; i < sizeof category_names / sizeof *category_names; i++) {
        bool surrogates = memcmp(category_names[i], "Cs", 2) == 0;
        exists = exists || (!surrogates && is_called(category_names[i], name, length));
    }
    return exists;
}

me_status regex_set_add_category(regex_sets *s, const char *name, size_t length, bool negated)
{
    me_status status = ME_OK;
    for (size_t i = 0; status == ME_OK && i < STRETCHES;) {
        uint32_t first = category_table[i] / 32;
        size_t next = i;
        while (next < STRETCHES &&
               is_called(category_names[category_table[next] % 32], name, length) != negated) {
            next++;
        }
        if (next > i) {
            uint32_t last = next < STRETCHES ? category_table[next] / 32 - 1 : LAST_POINT;
            status = regex_set_add(s, first, last);
        }
        i = next + 1;
    }
    return status;
}

/* ---- closing ------------------------------------------------------------------------------------ */

static int by_first(const void *a, const void *b)
{
    const regex_range *p = a, *q = b;
    return (p->first > q->first) - (p->first < q->first);
}

/* Puts the ranges in order and joins those that overlap or touch. Returns how many are left. */
static uint32_t join_ranges(regex_range *ranges, uint32_t count)
{
    uint32_t joined = 0;
    if (count > 1) {
        qsort(ranges, count, sizeof *ranges, by_first);
    }
    for (uint32_t i = 0; i < count; i++) {
        regex_range *before = joined > 0 ? &ranges[joined - 1] : NULL;
        if (before != NULL && ranges[i].first <= before->last + 1) {
            before->last = ranges[i].last > before->last ? ranges[i].last : before->last;
        } else {
            ranges[joined++] = ranges[i];
        }
    }
    return joined;
}

/* Turns joined ranges into the gaps between them; there is room for one more. */
static uint32_t negate_ranges(regex_range *ranges, uint32_t count)
{
    uint32_t gaps = 0, from = 0;
    for (uint32_t i = 0; i < count; i++) {
        regex_range taken = ranges[i]; /* read before the gap, which may lie in its place */
        if (taken.first > from) {
            ranges[gaps++] = (regex_range){from, taken.first - 1};
        }
        from = taken.last + 1;
    }
    if (from <= LAST_POINT) {
        ranges[gaps++] = (regex_range){from, LAST_POINT};
    }
    return gaps;
}

/* The number of an equal set, or `count`. */
static uint32_t find_equal(const regex_sets *s, const regex_set *set)
{
    for (uint32_t i = 0; i < s->count; i++) {
        const regex_range *a = s->ranges + s->all[i].start, *b = s->ranges + set->start;
        if (s->all[i].count == set->count &&
            (set->count == 0 || memcmp(a, b, set->count * sizeof *a) == 0)) {
            return i;
        }
    }
    return s->count;
}

me_status regex_set_close(regex_sets *s, bool negated, uint16_t *number)
{
    uint32_t start = s->count == 0 ? 0 : s->all[s->count - 1].start + s->all[s->count - 1].count;
    if (!heap_reserve(s->heap, &s->ranges, &s->range_cap, s->range_count + 1, sizeof *s->ranges) ||
        !heap_reserve(s->heap, &s->all, &s->cap, s->count + 1, sizeof *s->all)) {
        return ME_NOMEM;
    }
    regex_set set = {start, join_ranges(s->ranges + start, s->range_count - start)};
    if (negated) {
        set.count = negate_ranges(s->ranges + start, set.count);
    }
    uint32_t found = find_equal(s, &set);
    s->range_count = found < s->count ? start : start + set.count;
    if (found == s->count) {
        s->all[s->count++] = set;
    }
    *number = (uint16_t)found; /* a set takes an instruction, of which there are few */
    return ME_OK;
}

bool regex_set_has(const regex_range *ranges, uint32_t count, uint32_t point)
{
    uint32_t low = 0, high = count;
    while (low < high) { /* the first range that ends at or after the code point */
        uint32_t middle = (low + high) / 2;
        if (ranges[middle].last < point) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && ranges[low].first <= point;
}
