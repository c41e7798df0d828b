/* regex_columns.c - which code points does a regex not tell apart?
 *
 * Where some set begins or ends, code points may differ; between two such places they do not. So
 * the places cut the code points into stretches, and stretches that lie in the same sets are one
 * class. All are one class at first, and each set in turn divides those that it cuts through:
 *
 *     sets         [a-m]  [h-z]                  code points   ..  a .. g  h .. m  n .. z  ..
 *                                                first set     0   1       1       0       0
 *                                                second        0   1       2       3       0
 *
 * With the classes known, so is which instructions take each: a row of bits, the mask of the class.
 */
#include <stdlib.h>
#include <string.h>

#include "regex_parts.h"

#define CUTS_MOST 8192u
#define MASK_WORDS_MOST 16384u

typedef struct divider {
    const regex_sets *sets;
    uint32_t *cuts; /* first code points of stretches; the first is 0 */
    uint16_t *class_of;
    uint32_t count; /* stretches */
    uint32_t sizes[REGEX_CLASSES], inside[REGEX_CLASSES], moved[REGEX_CLASSES];
    uint32_t classes;
} divider;

/* ---- stretches ---------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    const uint32_t *p = a, *q = b;
    return (*p > *q) - (*p < *q);
}

/* Where sets begin and end, and 0 and 0x80, in order and each once. */
static void cut(divider *d)
{
    uint32_t count = 0;
    d->cuts[count++] = 0;
    d->cuts[count++] = 0x80;
    for (uint32_t i = 0; i < d->sets->range_count; i++) {
        d->cuts[count++] = d->sets->ranges[i].first;
        d->cuts[count++] = d->sets->ranges[i].last + 1; /* may be beyond the last code point */
    }
    qsort(d->cuts, count, sizeof *d->cuts, by_value);
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 || d->cuts[i] != d->cuts[i - 1]) {
            d->cuts[d->count++] = d->cuts[i];
        }
    }
}

/* The stretches of a range are [*from, *to). */
static void stretches_of(const divider *d, const regex_range *range, uint32_t *from, uint32_t *to)
{
    uint32_t low = 0, high = d->count;
    while (low < high) { /* the stretch that begins where the range does */
        uint32_t middle = (low + high) / 2;
        if (d->cuts[middle] < range->first) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *from = *to = low;
    while (*to < d->count && d->cuts[*to] <= range->last) {
        ++*to;
    }
}

/* ---- classes ------------------------------------------------------------------------------------ */

/* A class that lies in the set in part leaves that part to a new class. False: too many. */
static bool divide(divider *d, const regex_set *set)
{
    const regex_range *ranges = d->sets->ranges + set->start;
    uint32_t from, to, before = d->classes;
    memset(d->inside, 0, sizeof d->inside);
    for (uint32_t i = 0; i < set->count; i++) {
        stretches_of(d, &ranges[i], &from, &to);
        for (; from < to; from++) {
            d->inside[d->class_of[from]]++;
        }
    }
    for (uint32_t class = 0; class < before; class++) {
        d->moved[class] = class;
        if (d->inside[class] > 0 && d->inside[class] < d->sizes[class]) {
            if (d->classes == REGEX_CLASSES) {
                return false;
            }
            d->moved[class] = d->classes;
            d->sizes[class] -= d->inside[class];
            d->sizes[d->classes++] = d->inside[class];
        }
    }
    for (uint32_t i = 0; i < set->count; i++) {
        stretches_of(d, &ranges[i], &from, &to);
        for (; from < to; from++) {
            d->class_of[from] = (uint16_t)d->moved[d->class_of[from]];
        }
    }
    return true;
}

static bool divide_all(divider *d)
{
    cut(d);
    memset(d->class_of, 0, d->count * sizeof *d->class_of);
    d->classes = 1;
    d->sizes[0] = d->count;
    bool done = true;
    for (uint32_t s = 0; done && s < d->sets->count; s++) {
        done = divide(d, &d->sets->all[s]);
    }
    return done;
}

/* ---- what is kept ------------------------------------------------------------------------------- */

/* Code points to classes: ASCII by a table, others by the stretches that differ. */
static me_status keep_classes(const divider *d, regex_columns *out)
{
    heap *h = out->heap;
    if (!heap_reserve(h, &out->bounds, &out->bound_cap, d->count, sizeof *out->bounds) ||
        !heap_reserve(h, &out->bound_classes, &out->bound_class_cap, d->count, 1)) {
        return ME_NOMEM;
    }
    out->classes = d->classes;
    for (uint32_t i = 0; i < d->count; i++) {
        uint8_t class = (uint8_t)d->class_of[i];
        uint32_t end = i + 1 < d->count ? d->cuts[i + 1] : UINT32_MAX;
        for (uint32_t c = d->cuts[i]; c < end && c < 0x80; c++) {
            out->ascii[c] = class;
        }
        bool news = out->bound_count == 0 || out->bound_classes[out->bound_count - 1] != class;
        if (d->cuts[i] >= 0x80 && news) {
            out->bounds[out->bound_count] = d->cuts[i];
            out->bound_classes[out->bound_count++] = class;
        }
    }
    return ME_OK;
}

/* The classes in each set first, as bits, and then the sets of all instructions. */
static me_status make_masks(const divider *d, const regex_program *p, regex_columns *out)
{
    out->words = (p->count + 63) / 64;
    size_t size = d->sets->count * sizeof(uint64_t[REGEX_CLASSES / 64]);
    if (d->classes * out->words > MASK_WORDS_MOST) {
        return ME_FILTER_LIMIT;
    }
    uint64_t (*has)[REGEX_CLASSES / 64] = size > 0 ? heap_zalloc(out->heap, size) : NULL;
    if ((size > 0 && has == NULL) || !heap_reserve(out->heap, &out->masks, &out->mask_cap,
                                                   d->classes * out->words, sizeof *out->masks)) {
        heap_free(out->heap, has, size);
        return ME_NOMEM;
    }
    for (uint32_t s = 0; s < d->sets->count; s++) {
        const regex_set *set = &d->sets->all[s];
        for (uint32_t i = 0, from, to; i < set->count; i++) {
            stretches_of(d, d->sets->ranges + set->start + i, &from, &to);
            for (; from < to; from++) {
                has[s][d->class_of[from] / 64] |= UINT64_C(1) << d->class_of[from] % 64;
            }
        }
    }
    memset(out->masks, 0, d->classes * out->words * sizeof *out->masks);
    for (uint32_t at = 0; at < p->count; at++) {
        for (uint32_t c = 0; p->code[at].op == REGEX_SET && c < d->classes; c++) {
            uint64_t in = has[p->code[at].set][c / 64] >> c % 64 & 1;
            out->masks[c * out->words + at / 64] |= in << at % 64;
        }
    }
    heap_free(out->heap, has, size);
    return ME_OK;
}

me_status regex_columns_make(heap *h, const regex_program *p, regex_columns *out)
{
    *out = (regex_columns){.heap = h};
    uint32_t room = 2 * p->sets.range_count + 2;
    if (p->sets.range_count > CUTS_MOST) {
        return ME_FILTER_LIMIT;
    }
    divider *d = heap_zalloc(h, sizeof *d);
    uint32_t *cuts = heap_alloc(h, room * sizeof *cuts);
    uint16_t *class_of = heap_alloc(h, room * sizeof *class_of);
    me_status status = ME_NOMEM;
    if (d != NULL && cuts != NULL && class_of != NULL) {
        *d = (divider){.sets = &p->sets, .cuts = cuts, .class_of = class_of};
        status = divide_all(d) ? keep_classes(d, out) : ME_FILTER_LIMIT;
        status = status == ME_OK ? make_masks(d, p, out) : status;
    }
    heap_free(h, class_of, room * sizeof *class_of);
    heap_free(h, cuts, room * sizeof *cuts);
    heap_free(h, d, sizeof *d);
    return status;
}

void regex_columns_free(regex_columns *c)
{
    heap_free(c->heap, c->bounds, c->bound_cap * sizeof *c->bounds);
    heap_free(c->heap, c->bound_classes, c->bound_class_cap);
    heap_free(c->heap, c->masks, c->mask_cap * sizeof *c->masks);
    *c = (regex_columns){.heap = c->heap};
}
