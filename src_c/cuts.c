#include "cuts.h"

#include <string.h>

#include "cut_block.h"
#include "require.h"
#include "test.h"

typedef struct place {
    uint32_t block, at;
    bool found;
} place;

/* Is the first cut of block i above `value`? */
static bool starts_above(const cuts *c, uint32_t i, const me_value *value, uint64_t key)
{
    const cut_block *b = c->blocks.many[i];
    uint64_t own = cut_block_key(b, 0);
    if (own != key) {
        return own > key;
    }
    me_value first = cut_value(b, 0);
    return value_compare(&first, value) > 0;
}

/* Where `value` is, or belongs: in the last block whose first cut is not above it. */
static place find(const cuts *c, const me_value *value)
{
    if (c->block_count == 0) {
        return (place){0, 0, false};
    }
    bool exact;
    uint64_t key = cut_key(value, &exact);
    uint32_t lo = 0, n = c->block_count;
    while (n > 1) {
        uint32_t half = n / 2;
        bool above = starts_above(c, lo + half, value, key);
        lo = above ? lo : lo + half;
        n = above ? half : n - half;
    }
    place p = {lo, 0, false};
    p.at = cut_block_find(cuts_block(c, lo), value, key, exact, &p.found);
    return p;
}

static void set_block(cuts *c, uint32_t i, cut_block *b)
{
    if (c->block_count <= 1) {
        c->blocks.one = b;
    } else {
        c->blocks.many[i] = b;
    }
}

/* Gives block i room for `cap` cuts. */
static bool resize_block(cuts *c, heap *h, uint32_t i, uint32_t cap)
{
    cut_block *b = cuts_block(c, i);
    cut_block *resized = cut_block_copy(h, b, 0, b->count, cap);
    if (resized != NULL) {
        cut_block_free_shell(b, h);
        set_block(c, i, resized);
    }
    return resized != NULL;
}

/* ---- labels -------------------------------------------------------------------------------------- */

static uint32_t region_start(const me_value *v)
{
    return v->type == ME_STRING ? LABEL_STRINGS : LABEL_NUMBERS;
}

static uint32_t region_end(const me_value *v)
{
    return v->type == ME_STRING ? LABEL_STRINGS_END : LABEL_NUMBERS_END;
}

/* The label before a place, 0 when there is none. */
static uint32_t label_before(const cuts *c, place p)
{
    if (p.at > 0) {
        return cut_labels(cuts_block(c, p.block))[p.at - 1];
    }
    if (p.block > 0) {
        cut_block *b = cuts_block(c, p.block - 1);
        return cut_labels(b)[b->count - 1];
    }
    return 0;
}

/* The label at or after a place, 0 when there is none. */
static uint32_t label_from(const cuts *c, place p)
{
    if (c->block_count > 0 && p.at < cuts_block(c, p.block)->count) {
        return cut_labels(cuts_block(c, p.block))[p.at];
    }
    return p.block + 1 < c->block_count ? cut_labels(cuts_block(c, p.block + 1))[0] : 0;
}

/* A label for a new cut at `p`; 0 when there is no room. Between two cuts the middle; at an end a
 * step, so that constants that only rise do not halve what is left each time. */
static uint32_t choose_label(const cuts *c, place p, const me_value *v)
{
    uint32_t left = label_before(c, p), right = label_from(c, p);
    uint32_t a = left != 0 ? left : region_start(v);
    uint32_t b = right != 0 ? right : region_end(v);
    if (b - a < 2 * CUTS_GAP) {
        return 0;
    }
    uint32_t middle = a + (b - a) / 2;
    uint32_t step = (region_end(v) - region_start(v)) / (4 * (c->count + 16));
    step = step < CUTS_GAP ? CUTS_GAP : step;
    if (left != 0 && right == 0 && step < middle - a) {
        return a + step;
    }
    if (left == 0 && right != 0 && step < b - middle) {
        return b - step;
    }
    return middle;
}

/* ---- acquire and release ---------------------------------------------------------------------------- */

/* Splits the full block at `p` in two. */
static bool split(cuts *c, heap *h, place *p)
{
    cut_block *full = cuts_block(c, p->block), **many = c->blocks.many;
    uint32_t cap = c->block_count <= 1 ? 0 : c->block_cap, half = full->count / 2;
    if (c->block_count <= 1) {
        many = NULL;
    }
    cut_block *low = cut_block_copy(h, full, 0, half, half + 32);
    cut_block *high = cut_block_copy(h, full, half, full->count, full->count - half + 32);
    if (low == NULL || high == NULL ||
        !heap_reserve(h, &many, &cap, c->block_count + 1, sizeof(cut_block *))) {
        cut_block_free_shell(low, h);
        cut_block_free_shell(high, h);
        return false;
    }
    cut_block_free_shell(full, h);
    memmove(many + p->block + 2, many + p->block + 1,
            (c->block_count - p->block - 1) * sizeof(cut_block *));
    many[p->block] = low;
    many[p->block + 1] = high;
    c->blocks.many = many;
    c->block_cap = cap;
    c->block_count++;
    if (p->at > half) {
        p->at -= half;
        p->block++;
    }
    return true;
}

/* Makes room for one more cut at `p`. */
static bool make_room(cuts *c, heap *h, place *p)
{
    if (c->block_count == 0) {
        c->blocks.one = cut_block_copy(h, NULL, 0, 0, 2);
        c->block_count = c->blocks.one != NULL;
        return c->block_count == 1;
    }
    cut_block *b = cuts_block(c, p->block);
    if (b->count < b->cap) {
        return true;
    }
    if (b->count >= CUTS_BLOCK) {
        return split(c, h, p);
    }
    uint32_t grown = b->count + b->count / 4 + 2;
    return resize_block(c, h, p->block, grown < CUTS_BLOCK ? grown : CUTS_BLOCK);
}

static void drop_block_if_empty(cuts *c, heap *h, uint32_t i)
{
    cut_block *b = cuts_block(c, i);
    if (b->count > 0) {
        return;
    }
    cut_block_free(b, h);
    c->block_count--;
    if (c->block_count == 0) {
        c->blocks.one = NULL;
        return;
    }
    cut_block **many = c->blocks.many;
    memmove(many + i, many + i + 1, (c->block_count - i) * sizeof(cut_block *));
    if (c->block_count == 1) {
        c->blocks.one = many[0];
        heap_free(h, many, c->block_cap * sizeof(cut_block *));
        c->block_cap = 0;
    }
}

cuts_status cuts_acquire(cuts *c, heap *h, const me_value *value)
{
    place p = find(c, value);
    if (p.found) {
        cut_references(cuts_block(c, p.block))[p.at]++;
        return CUTS_OK;
    }
    bool exact;
    uint64_t key = cut_key(value, &exact);
    uint32_t label = choose_label(c, p, value);
    if (label == 0) {
        return CUTS_FULL;
    }
    me_value kept;
    if (!value_keep(h, value, &kept)) {
        return CUTS_NOMEM;
    }
    if (!make_room(c, h, &p) || (!exact && !cut_block_keep_values(cuts_block(c, p.block), h))) {
        value_drop(&kept, h);
        if (c->block_count > 0) {
            drop_block_if_empty(c, h, p.block);
        }
        return CUTS_NOMEM;
    }
    cut_block_insert(cuts_block(c, p.block), p.at, key, label, &kept);
    c->count++;
    return CUTS_OK;
}

uint32_t cuts_label(const cuts *c, const me_value *value)
{
    place p = find(c, value);
    return cut_labels(cuts_block(c, p.block))[p.at];
}

void cuts_release(cuts *c, heap *h, const me_value *value)
{
    place p = find(c, value);
    cut_block *b = cuts_block(c, p.block);
    if (--cut_references(b)[p.at] > 0) {
        return;
    }
    cut_block_remove(b, h, p.at);
    c->count--;
    if (b->count > 0 && b->count < b->cap / 4) {
        resize_block(c, h, p.block, b->cap / 2); /* no memory for less: keep what there is */
    }
    drop_block_if_empty(c, h, p.block);
}

/* The label of a value among the cuts of one block, if keys decide it (mostly); else false. */
static bool locate_by_key(const cut_block *b, const me_value *value, uint32_t *label)
{
    bool exact;
    uint64_t key = cut_key(value, &exact);
    const uint32_t *labels = cut_labels((cut_block *)(uintptr_t)b);
    uint32_t at = cut_block_below(b, key);
    bool found = at < b->count && cut_block_key(b, at) == key;
    *label = found ? labels[at] : at > 0 ? labels[at - 1] + 1 : region_start(value);
    return !found || (exact && b->values == NULL);
}

uint32_t cuts_locate(const cuts *c, const me_value *value)
{
    uint32_t label;
    if (c->block_count == 1 && locate_by_key(c->blocks.one, value, &label)) {
        return label;
    }
    place p = find(c, value);
    if (p.found) {
        return cut_labels(cuts_block(c, p.block))[p.at];
    }
    uint32_t left = label_before(c, p);
    return left != 0 ? left + 1 : region_start(value);
}

double cuts_share(const cuts *c, uint32_t lo, uint32_t width)
{
    if (c->count == 0) {
        return 1.0;
    }
    cut_block *end = cuts_block(c, c->block_count - 1);
    double first = cut_labels(cuts_block(c, 0))[0];
    double last = cut_labels(end)[end->count - 1];
    double a = lo > first ? lo : first;
    double b = (double)lo + width < last ? (double)lo + width : last;
    double share = last > first ? (b - a) / (last - first) : 0.5;
    double floor = 0.5 / (double)c->count;
    return share < floor ? floor : share;
}

void cuts_free(cuts *c, heap *h)
{
    for (uint32_t i = 0; i < c->block_count; i++) {
        cut_block_free(cuts_block(c, i), h);
    }
    if (c->block_count > 1) {
        heap_free(h, c->blocks.many, c->block_cap * sizeof(cut_block *));
    }
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
    uint32_t at = 0;
    for (uint32_t i = 0; i < c->block_count; i++) {
        cut_block *b = cuts_block(c, i);
        for (uint32_t j = 0; j < b->count; j++, at++) {
            uint32_t label = cut_labels(b)[j];
            bool text = label >= LABEL_STRINGS;
            map->from[at] = label;
            map->to[at] = spread(text ? LABEL_STRINGS : LABEL_NUMBERS,
                                 text ? LABEL_STRINGS_END : LABEL_NUMBERS_END, at, c->count);
        }
    }
    return true;
}

void cuts_apply_relabel(cuts *c, const cuts_map *map)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < c->block_count; i++) {
        cut_block *b = cuts_block(c, i);
        for (uint32_t j = 0; j < b->count; j++, at++) {
            cut_labels(b)[j] = map->to[at];
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

static bool validate_block(cut_block *b, me_value *previous, uint32_t *label, const char **why)
{
    REQUIRE(b->count > 0 && b->count <= b->cap);
    for (uint32_t i = 0; i < b->count; i++) {
        me_value v = cut_value(b, i);
        bool exact;
        REQUIRE(cut_key(&v, &exact) == cut_block_key(b, i));
        REQUIRE(exact || b->values != NULL);
        REQUIRE(cut_references(b)[i] > 0);
        REQUIRE(cut_labels(b)[i] >= region_start(&v) + CUTS_GAP);
        REQUIRE(cut_labels(b)[i] + CUTS_GAP <= region_end(&v));
        REQUIRE(previous->type == 0 || value_compare(previous, &v) < 0);
        REQUIRE(previous->type == 0 || *label + CUTS_GAP <= cut_labels(b)[i]);
        *previous = v;
        *label = cut_labels(b)[i];
    }
    return true;
}

bool cuts_validate(const cuts *c, const char **why)
{
    me_value previous = {.type = 0};
    uint32_t count = 0, label = 0;
    for (uint32_t i = 0; i < c->block_count; i++) {
        if (!validate_block(cuts_block(c, i), &previous, &label, why)) {
            return false;
        }
        count += cuts_block(c, i)->count;
    }
    REQUIRE(count == c->count);
    return true;
}

uint64_t cuts_references(const cuts *c)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < c->block_count; i++) {
        cut_block *b = cuts_block(c, i);
        for (uint32_t j = 0; j < b->count; j++) {
            sum += cut_references(b)[j];
        }
    }
    return sum;
}

bool cuts_has_end(const cuts *c, uint32_t label)
{
    for (uint32_t i = 0; i < c->block_count; i++) {
        cut_block *b = cuts_block(c, i);
        for (uint32_t j = 0; j < b->count; j++) {
            if (label + 1 - cut_labels(b)[j] <= 2) {
                return true;
            }
        }
    }
    return false;
}
