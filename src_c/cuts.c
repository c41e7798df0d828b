#include "cuts.h"

#include <string.h>

#include "require.h"
#include "test.h"

typedef struct place {
    uint32_t block, at;
    bool found;
} place;

/* First cut of `b` that is >= value. */
static uint32_t lower_bound(const cut_block *b, const me_value *value)
{
    uint32_t lo = 0, n = b->count;
    while (n > 0) {
        uint32_t half = n / 2;
        bool less = value_compare(&b->cuts[lo + half].value, value) < 0;
        lo = less ? lo + half + 1 : lo;
        n = less ? n - half - 1 : half;
    }
    return lo;
}

/* Where `value` is, or belongs: in the last block whose first cut is not above it. */
static place find(const cuts *c, const me_value *value)
{
    uint32_t lo = 0, n = c->block_count;
    while (n > 1) {
        uint32_t half = n / 2;
        bool above = value_compare(&c->blocks[lo + half].cuts[0].value, value) > 0;
        lo = above ? lo : lo + half;
        n = above ? half : n - half;
    }
    place p = {lo, 0, false};
    if (c->block_count > 0) {
        const cut_block *b = &c->blocks[lo];
        p.at = lower_bound(b, value);
        p.found = p.at < b->count && value_compare(&b->cuts[p.at].value, value) == 0;
    }
    return p;
}

static bool is_text(const me_value *v)
{
    return v->type == ME_STRING || v->type == ME_BIG;
}

static uint32_t region_start(const me_value *v)
{
    return v->type == ME_STRING ? LABEL_STRINGS : LABEL_NUMBERS;
}

static uint32_t region_end(const me_value *v)
{
    return v->type == ME_STRING ? LABEL_STRINGS_END : LABEL_NUMBERS_END;
}

static const cut *before(const cuts *c, place p)
{
    if (p.at > 0) {
        return &c->blocks[p.block].cuts[p.at - 1];
    }
    if (p.block > 0) {
        return &c->blocks[p.block - 1].cuts[c->blocks[p.block - 1].count - 1];
    }
    return NULL;
}

static const cut *after(const cuts *c, place p)
{
    if (c->block_count == 0) {
        return NULL;
    }
    if (p.at < c->blocks[p.block].count) {
        return &c->blocks[p.block].cuts[p.at];
    }
    return p.block + 1 < c->block_count ? &c->blocks[p.block + 1].cuts[0] : NULL;
}

static bool same_region(const cut *a, const me_value *v)
{
    return a != NULL && (a->value.type == ME_STRING) == (v->type == ME_STRING);
}

/* A label for a new cut at `p`; 0 when there is no room. Between two cuts the middle; at an end a
 * step, so that constants that only rise do not halve what is left each time. */
static uint32_t choose_label(const cuts *c, place p, const me_value *v)
{
    const cut *left = before(c, p), *right = after(c, p);
    bool has_left = same_region(left, v), has_right = same_region(right, v);
    uint32_t a = has_left ? left->label : region_start(v);
    uint32_t b = has_right ? right->label : region_end(v);
    if (b - a < 2 * CUTS_GAP) {
        return 0;
    }
    uint32_t middle = a + (b - a) / 2;
    uint32_t step = (region_end(v) - region_start(v)) / (4 * (c->count + 16));
    step = step < CUTS_GAP ? CUTS_GAP : step;
    if (has_left && !has_right && step < middle - a) {
        return a + step;
    }
    if (!has_left && has_right && step < b - middle) {
        return b - step;
    }
    return middle;
}

/* Makes room for one more cut at `p`, splitting a full block in two. */
static bool make_room(cuts *c, heap *h, place *p)
{
    if (c->block_count == 0) {
        if (!heap_reserve(h, &c->blocks, &c->block_cap, 1, sizeof(cut_block))) {
            return false;
        }
        c->blocks[0] = (cut_block){0};
        if (!heap_reserve(h, &c->blocks[0].cuts, &c->blocks[0].cap, 2, sizeof(cut))) {
            return false;
        }
        c->block_count = 1;
        return true;
    }
    cut_block *full = &c->blocks[p->block];
    if (full->count < CUTS_BLOCK) {
        return heap_reserve(h, &full->cuts, &full->cap, full->count + 1, sizeof(cut));
    }
    cut_block half = {0};
    if (!heap_reserve(h, &c->blocks, &c->block_cap, c->block_count + 1, sizeof(cut_block)) ||
        !heap_reserve(h, &half.cuts, &half.cap, CUTS_BLOCK / 2 + 16, sizeof(cut))) {
        return false;
    }
    full = &c->blocks[p->block];
    half.count = full->count - CUTS_BLOCK / 2;
    memcpy(half.cuts, full->cuts + CUTS_BLOCK / 2, half.count * sizeof(cut));
    full->count = CUTS_BLOCK / 2;
    memmove(&c->blocks[p->block + 2], &c->blocks[p->block + 1],
            (c->block_count - p->block - 1) * sizeof(cut_block));
    c->blocks[p->block + 1] = half;
    c->block_count++;
    if (p->at > CUTS_BLOCK / 2) {
        p->at -= CUTS_BLOCK / 2;
        p->block++;
    }
    cut_block *b = &c->blocks[p->block];
    return heap_reserve(h, &b->cuts, &b->cap, b->count + 1, sizeof(cut));
}

static void drop_block_if_empty(cuts *c, heap *h, uint32_t block)
{
    cut_block *b = &c->blocks[block];
    if (b->count > 0) {
        return;
    }
    heap_free(h, b->cuts, b->cap * sizeof(cut));
    c->block_count--;
    memmove(b, b + 1, (c->block_count - block) * sizeof(cut_block));
    if (c->block_count == 0) {
        heap_free(h, c->blocks, c->block_cap * sizeof(cut_block));
        c->blocks = NULL;
        c->block_cap = 0;
    }
}

static bool insert(cuts *c, heap *h, place p, const me_value *value, uint32_t label)
{
    me_value kept = *value;
    if (is_text(value)) {
        char *bytes = heap_alloc(h, value->len > 0 ? value->len : 1);
        if (bytes == NULL) {
            return false;
        }
        memcpy(bytes, value->as.s, value->len);
        kept.as.s = bytes;
    }
    if (!make_room(c, h, &p)) {
        if (is_text(value)) {
            heap_free(h, (void *)(uintptr_t)kept.as.s, value->len > 0 ? value->len : 1);
        }
        return false;
    }
    cut_block *b = &c->blocks[p.block];
    memmove(&b->cuts[p.at + 1], &b->cuts[p.at], (b->count - p.at) * sizeof(cut));
    b->cuts[p.at] = (cut){.value = kept, .label = label, .references = 1};
    b->count++;
    c->count++;
    return true;
}

cuts_status cuts_acquire(cuts *c, heap *h, const me_value *value)
{
    place p = find(c, value);
    if (p.found) {
        c->blocks[p.block].cuts[p.at].references++;
        return CUTS_OK;
    }
    uint32_t label = choose_label(c, p, value);
    if (label == 0) {
        return CUTS_FULL;
    }
    return insert(c, h, p, value, label) ? CUTS_OK : CUTS_NOMEM;
}

uint32_t cuts_label(const cuts *c, const me_value *value)
{
    place p = find(c, value);
    return c->blocks[p.block].cuts[p.at].label;
}

static void free_cut(cut *k, heap *h)
{
    if (is_text(&k->value)) {
        heap_free(h, (void *)(uintptr_t)k->value.as.s, k->value.len > 0 ? k->value.len : 1);
    }
}

void cuts_release(cuts *c, heap *h, const me_value *value)
{
    place p = find(c, value);
    cut_block *b = &c->blocks[p.block];
    if (--b->cuts[p.at].references > 0) {
        return;
    }
    free_cut(&b->cuts[p.at], h);
    b->count--;
    c->count--;
    memmove(&b->cuts[p.at], &b->cuts[p.at + 1], (b->count - p.at) * sizeof(cut));
    if (b->cap > 16 && b->count < b->cap / 4) {
        uint32_t smaller = b->cap / 2;
        cut *shrunk = heap_resize(h, b->cuts, b->cap * sizeof(cut), smaller * sizeof(cut));
        if (shrunk != NULL) {
            b->cuts = shrunk;
            b->cap = smaller;
        }
    }
    drop_block_if_empty(c, h, p.block);
}

uint32_t cuts_locate(const cuts *c, const me_value *value)
{
    place p = find(c, value);
    if (p.found) {
        return c->blocks[p.block].cuts[p.at].label;
    }
    const cut *left = before(c, p);
    return same_region(left, value) ? left->label + 1 : region_start(value);
}

double cuts_share(const cuts *c, uint32_t lo, uint32_t width)
{
    if (c->count == 0) {
        return 1.0;
    }
    const cut_block *end = &c->blocks[c->block_count - 1];
    double first = c->blocks[0].cuts[0].label;
    double last = end->cuts[end->count - 1].label;
    double a = lo > first ? lo : first;
    double b = (double)lo + width < last ? (double)lo + width : last;
    double share = last > first ? (b - a) / (last - first) : 0.5;
    double floor = 0.5 / (double)c->count;
    return share < floor ? floor : share;
}

void cuts_free(cuts *c, heap *h)
{
    for (uint32_t i = 0; i < c->block_count; i++) {
        cut_block *b = &c->blocks[i];
        for (uint32_t j = 0; j < b->count; j++) {
            free_cut(&b->cuts[j], h);
        }
        heap_free(h, b->cuts, b->cap * sizeof(cut));
    }
    heap_free(h, c->blocks, c->block_cap * sizeof(cut_block));
    *c = (cuts){0};
}

/* ---- relabelling ------------------------------------------------------------------------------ */

void cuts_map_free(cuts_map *map, heap *h)
{
    size_t size = (map->count > 0 ? map->count : 1) * sizeof(uint32_t);
    heap_free(h, map->from, size);
    heap_free(h, map->to, size);
    *map = (cuts_map){0};
}

/* The n-th of `count` labels spread over the middle half of a region: a quarter stays free at each
 * end for constants that keep rising or falling. */
static uint32_t spread(uint32_t start, uint32_t end, uint32_t n, uint32_t count)
{
    uint64_t room = end - start;
    return start + (uint32_t)(room / 4 + room / 2 * (n + 1) / (count + 1));
}

bool cuts_plan_relabel(const cuts *c, heap *h, cuts_map *map)
{
    *map = (cuts_map){.count = c->count};
    size_t size = (c->count > 0 ? c->count : 1) * sizeof(uint32_t);
    map->from = heap_alloc(h, size);
    map->to = heap_alloc(h, size);
    if (map->from == NULL || map->to == NULL) {
        cuts_map_free(map, h);
        return false;
    }
    uint32_t numbers = 0, at = 0;
    for (uint32_t i = 0; i < c->block_count; i++) {
        for (uint32_t j = 0; j < c->blocks[i].count; j++) {
            numbers += c->blocks[i].cuts[j].value.type != ME_STRING;
        }
    }
    for (uint32_t i = 0; i < c->block_count; i++) {
        for (uint32_t j = 0; j < c->blocks[i].count; j++, at++) {
            map->from[at] = c->blocks[i].cuts[j].label;
            map->to[at] = at < numbers ? spread(LABEL_NUMBERS, LABEL_NUMBERS_END, at, numbers)
                                       : spread(LABEL_STRINGS, LABEL_STRINGS_END, at - numbers,
                                                c->count - numbers);
        }
    }
    return true;
}

void cuts_apply_relabel(cuts *c, const cuts_map *map)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < c->block_count; i++) {
        for (uint32_t j = 0; j < c->blocks[i].count; j++, at++) {
            c->blocks[i].cuts[j].label = map->to[at];
        }
    }
    c->count_at_relabel = c->count;
}

uint32_t cuts_map_label(const cuts_map *map, uint32_t label)
{
    uint32_t lo = 0, n = map->count;
    while (n > 0) { /* first label above label + 1 */
        uint32_t half = n / 2;
        bool below = map->from[lo + half] <= label + 1;
        lo = below ? lo + half + 1 : lo;
        n = below ? n - half - 1 : half;
    }
    if (lo == 0) {
        return label;
    }
    uint32_t from = map->from[lo - 1];
    return label + 1 >= from && label <= from + 1 ? map->to[lo - 1] + (label - from) : label;
}

/* ---- invariants ------------------------------------------------------------------------------- */

static bool validate_cut(const cut *previous, const cut *k, const char **why)
{
    REQUIRE(k->references > 0);
    REQUIRE(k->label >= region_start(&k->value) + CUTS_GAP);
    REQUIRE(k->label + CUTS_GAP <= region_end(&k->value));
    if (previous != NULL) {
        REQUIRE(value_compare(&previous->value, &k->value) < 0);
        REQUIRE(previous->label + CUTS_GAP <= k->label);
    }
    return true;
}

bool cuts_validate(const cuts *c, const char **why)
{
    const cut *previous = NULL;
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->block_count; i++) {
        const cut_block *b = &c->blocks[i];
        REQUIRE(b->count > 0 && b->count <= b->cap && b->count <= CUTS_BLOCK);
        for (uint32_t j = 0; j < b->count; j++, count++) {
            if (!validate_cut(previous, &b->cuts[j], why)) {
                return false;
            }
            previous = &b->cuts[j];
        }
    }
    REQUIRE(count == c->count);
    return true;
}
