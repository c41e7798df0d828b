#include "string_parts.h"

#include "require.h"

#define LOG_SLOTS_MIN 3u

/* ---- numbers and texts to slots ------------------------------------------------------------- */

static uint32_t hash_number(uint32_t number)
{
    return number * 0x9E3779B1u;
}

static uint32_t hash_pattern(const string_index *ix, string_kind kind, me_value pattern,
                             me_value escape)
{
    uint64_t hash = hash_bytes(pattern.as.s, pattern.len, ix->seed + (uint64_t)kind);
    if (escape.len != 0) {
        hash = hash_fold(hash ^ HASH_K2, hash_bytes(escape.as.s, escape.len, ix->seed) ^ HASH_K1);
    }
    return (uint32_t)(hash >> 32);
}

/* Where the entry of a pattern is in one of the two tables. */
static uint32_t *entry_of(const string_index *ix, uint32_t *table, uint32_t hash, uint32_t slot)
{
    uint32_t mask = (1u << ix->log_slots) - 1, i = hash >> (32 - ix->log_slots);
    while (table[i] != slot + 1) {
        i = (i + 1) & mask;
    }
    return &table[i];
}

static void enter(const string_index *ix, uint32_t *table, uint32_t hash, uint32_t slot)
{
    uint32_t mask = (1u << ix->log_slots) - 1, i = hash >> (32 - ix->log_slots);
    while (table[i] != 0) {
        i = (i + 1) & mask;
    }
    table[i] = slot + 1;
}

static uint32_t home_in(const string_index *ix, const uint32_t *table, uint32_t entry)
{
    const string_pattern *p = ix->all[entry - 1];
    uint32_t hash = table == ix->by_text ? p->hash : hash_number(p->number);
    return hash >> (32 - ix->log_slots);
}

/* Empties an entry and moves up those behind it that it kept from their homes. */
static void erase(const string_index *ix, uint32_t *table, const uint32_t *entry)
{
    uint32_t mask = (1u << ix->log_slots) - 1, hole = (uint32_t)(entry - table);
    for (uint32_t i = (hole + 1) & mask; table[i] != 0; i = (i + 1) & mask) {
        if (((i - home_in(ix, table, table[i])) & mask) >= ((i - hole) & mask)) {
            table[hole] = table[i];
            hole = i;
        }
    }
    table[hole] = 0;
}

static size_t tables_size(uint32_t log_slots)
{
    return 2 * sizeof(uint32_t) << log_slots;
}

static bool resize_tables(string_index *ix, uint32_t log_slots)
{
    uint32_t *tables = heap_zalloc(ix->heap, tables_size(log_slots));
    if (tables == NULL) {
        return false;
    }
    if (ix->by_text != NULL) {
        heap_free(ix->heap, ix->by_text, tables_size(ix->log_slots));
    }
    ix->log_slots = log_slots;
    ix->by_text = tables;
    ix->by_number = tables + ((size_t)1 << log_slots);
    for (uint32_t slot = 0; slot < ix->count; slot++) {
        enter(ix, ix->by_text, ix->all[slot]->hash, slot);
        enter(ix, ix->by_number, hash_number(ix->all[slot]->number), slot);
    }
    return true;
}

static bool reserve_slot(string_index *ix)
{
    if (ix->count > UINT32_MAX / 8) { /* far beyond any memory; keeps the shifts in range */
        return false;
    }
    bool room = ix->by_text != NULL && (ix->count + 1) * 4 <= (1u << ix->log_slots) * 3;
    uint32_t log_slots = ix->by_text != NULL ? ix->log_slots + 1 : LOG_SLOTS_MIN;
    return heap_reserve(ix->heap, &ix->all, &ix->cap, ix->count + 1, sizeof(string_pattern *)) &&
           (room || resize_tables(ix, log_slots));
}

/* Gives memory of regexes without a literal back, where that pays and works. */
static void trim_each(string_index *ix)
{
    uint32_t cap = ix->each_count + ix->each_count / 4;
    if (ix->each_count == 0) {
        heap_free(ix->heap, ix->each, ix->each_cap * sizeof *ix->each);
        ix->each = NULL;
        ix->each_cap = 0;
    } else if (ix->each_cap > 16 && ix->each_count < ix->each_cap / 2) {
        string_each *each =
            heap_resize(ix->heap, ix->each, ix->each_cap * sizeof *each, cap * sizeof *each);
        ix->each = each != NULL ? each : ix->each;
        ix->each_cap = each != NULL ? cap : ix->each_cap;
    }
}

/* The same for everything, after a removal. */
static void trim(string_index *ix)
{
    trim_each(ix);
    if (ix->count == 0) {
        heap_free(ix->heap, ix->by_text, tables_size(ix->log_slots));
        heap_free(ix->heap, ix->all, ix->cap * sizeof(string_pattern *));
        ix->by_text = ix->by_number = NULL;
        ix->all = NULL;
        ix->cap = 0;
        return;
    }
    if (ix->log_slots > LOG_SLOTS_MIN && ix->count * 8 < 1u << ix->log_slots) {
        (void)resize_tables(ix, ix->log_slots - 1);
    }
    if (ix->cap > 16 && ix->count < ix->cap / 2) {
        uint32_t cap = ix->count + ix->count / 4 + 4;
        string_pattern **all =
            heap_resize(ix->heap, ix->all, ix->cap * sizeof *all, cap * sizeof *all);
        if (all != NULL) {
            ix->all = all;
            ix->cap = cap;
        }
    }
}

/* ---- the index ------------------------------------------------------------------------------ */

string_index *string_index_new(heap *h, uint64_t seed)
{
    string_index *ix = heap_zalloc(h, sizeof *ix);
    if (ix == NULL) {
        return NULL;
    }
    ix->heap = h;
    ix->seed = seed;
    for (uint32_t side = 0; side < 2; side++) {
        for (uint32_t c = 0; c < GRAM_CLASSES; c++) {
            uint64_t own = hash_fold(seed ^ HASH_K2, HASH_K1 + 2 * (side * GRAM_CLASSES + c));
            grams_init(&ix->sides[side].grams[c], string_gram_widths[c], own);
        }
    }
    return ix;
}

static void free_pattern(string_index *ix, string_pattern *p)
{
    if (p->kind == STRING_MATCHES) {
        regex_free(ix->heap, p->regex);
    } else {
        like_free(ix->heap, p->like);
    }
    heap_free(ix->heap, p, sizeof *p + p->length + p->escape_length);
}

void string_index_free(string_index *ix)
{
    if (ix == NULL) {
        return;
    }
    for (uint32_t i = 0; i < ix->count; i++) {
        free_pattern(ix, ix->all[i]);
    }
    ix->count = ix->each_count = 0;
    if (ix->cap != 0) {
        trim(ix);
    }
    for (uint32_t side = 0; side < 2; side++) {
        for (uint32_t c = 0; c < GRAM_CLASSES; c++) {
            grams_free(&ix->sides[side].grams[c], ix->heap);
        }
    }
    heap_free(ix->heap, ix, sizeof *ix);
}

uint32_t string_index_count(const string_index *ix)
{
    return ix->count;
}

string_pattern *string_pattern_of(const string_index *ix, uint32_t number)
{
    uint32_t mask = (1u << ix->log_slots) - 1;
    uint32_t i = hash_number(number) >> (32 - ix->log_slots);
    while (ix->all[ix->by_number[i] - 1]->number != number) {
        i = (i + 1) & mask;
    }
    return ix->all[ix->by_number[i] - 1];
}

bool string_index_is_everywhere(const string_index *ix, uint32_t number)
{
    uint8_t place = string_pattern_of(ix, number)->place;
    return place == FILED_EACH || place == FILED_ANYTHING;
}

/* Only LIKE and ILIKE have an escape. */
static me_value escape_of(string_kind kind, me_value escape)
{
    bool like = kind == STRING_LIKE || kind == STRING_ILIKE;
    return like && escape.len != 0 ? escape : value_of_string("", 0);
}

uint32_t string_index_find(const string_index *ix, string_kind kind, me_value pattern,
                           me_value escape)
{
    if (ix->by_text == NULL) {
        return UINT32_MAX;
    }
    escape = escape_of(kind, escape);
    uint32_t hash = hash_pattern(ix, kind, pattern, escape);
    uint32_t mask = (1u << ix->log_slots) - 1;
    for (uint32_t i = hash >> (32 - ix->log_slots); ix->by_text[i] != 0; i = (i + 1) & mask) {
        const string_pattern *p = ix->all[ix->by_text[i] - 1];
        if (p->hash == hash && p->kind == kind && p->length == pattern.len &&
            p->escape_length == escape.len &&
            (p->length == 0 || memcmp(p->text, pattern.as.s, p->length) == 0) &&
            memcmp(p->text + p->length, escape.as.s, escape.len) == 0) {
            return p->number;
        }
    }
    return UINT32_MAX;
}

/* ---- adding and removing -------------------------------------------------------------------- */

static void swap_each(string_index *ix, uint32_t a, uint32_t b)
{
    string_each moved = ix->each[a];
    ix->each[a] = ix->each[b];
    ix->each[b] = moved;
    ix->each[a].pattern->points = a;
    ix->each[b].pattern->points = b;
}

/* Those that are asked for come first. */
static void set_asked(string_index *ix, const string_pattern *p, bool asked)
{
    if (asked && p->points >= ix->each_asked) {
        swap_each(ix, p->points, ix->each_asked++);
    } else if (!asked && p->points < ix->each_asked) {
        swap_each(ix, p->points, --ix->each_asked);
    }
}

/* Links a pattern into its place, for which there is room. */
static void file(string_index *ix, string_pattern *p)
{
    string_side *side = string_side_of(ix, p);
    if (p->place == FILED_EACH) {
        ix->each_count++; /* its entry is there */
        set_asked(ix, p, true);
        return;
    }
    if (p->place == FILED_ANYTHING) {
        p->needle.prev = NULL;
        p->needle.next = ix->anything;
        if (ix->anything != NULL) {
            ix->anything->prev = &p->needle;
        }
        ix->anything = &p->needle;
        return;
    }
    needle_set *set = NULL;
    if (p->place == FILED_GRAM) {
        gram_table *grams = &side->grams[p->class];
        set = grams_put(grams, gram_at(grams, p->needle.bytes + p->needle.start));
    } else {
        set = string_set_of(ix, p);
    }
    needles_add(set, &p->needle);
    side->count++;
}

static void unfile(string_index *ix, string_pattern *p)
{
    needle *n = &p->needle;
    if (p->place == FILED_EACH) {
        set_asked(ix, p, false);
        swap_each(ix, p->points, --ix->each_count);
        return;
    }
    if (p->place == FILED_ANYTHING) {
        *(n->prev != NULL ? &n->prev->next : &ix->anything) = n->next;
        if (n->next != NULL) {
            n->next->prev = n->prev;
        }
        return;
    }
    string_side *side = string_side_of(ix, p);
    needle_set *set = string_set_of(ix, p);
    needles_remove(set, n);
    if (p->place == FILED_GRAM && *set == 0) {
        gram_table *grams = &side->grams[p->class];
        grams_drop(grams, ix->heap, gram_at(grams, n->bytes + n->start));
    }
    side->count--;
}

static string_pattern *new_pattern(string_index *ix, string_kind kind, me_value pattern,
                                   me_value escape, uint32_t number)
{
    string_pattern *p = heap_alloc(ix->heap, sizeof *p + pattern.len + escape.len);
    if (p == NULL) {
        return NULL;
    }
    memset(p, 0, sizeof *p);
    p->kind = (uint8_t)kind;
    p->number = number;
    p->hash = hash_pattern(ix, kind, pattern, escape);
    p->length = pattern.len;
    p->escape_length = (uint8_t)escape.len;
    if (pattern.len != 0) {
        memcpy(p->text, pattern.as.s, pattern.len);
    }
    if (escape.len != 0) {
        memcpy(p->text + pattern.len, escape.as.s, escape.len);
    }
    return p;
}

static bool reserve(string_index *ix, const string_pattern *p)
{
    return reserve_slot(ix) && (p->place != FILED_GRAM ||
                                grams_reserve(&string_side_of(ix, p)->grams[p->class], ix->heap));
}

bool string_index_add(string_index *ix, string_kind kind, me_value pattern, me_value escape,
                      uint32_t number)
{
    string_pattern *p = new_pattern(ix, kind, pattern, escape_of(kind, escape), number);
    if (p == NULL) {
        return false;
    }
    if (!string_place_pattern(ix, p) || !reserve(ix, p)) {
        free_pattern(ix, p);
        if (ix->count == 0) {
            trim(ix);
        }
        return false;
    }
    p->slot = ix->count++;
    ix->all[p->slot] = p;
    enter(ix, ix->by_text, p->hash, p->slot);
    enter(ix, ix->by_number, hash_number(number), p->slot);
    file(ix, p);
    return true;
}

void string_index_remove(string_index *ix, uint32_t number)
{
    string_pattern *p = string_pattern_of(ix, number);
    unfile(ix, p);
    erase(ix, ix->by_text, entry_of(ix, ix->by_text, p->hash, p->slot));
    erase(ix, ix->by_number, entry_of(ix, ix->by_number, hash_number(number), p->slot));
    string_pattern *last = ix->all[--ix->count];
    if (last != p) { /* it takes the free slot */
        *entry_of(ix, ix->by_text, last->hash, last->slot) = p->slot + 1;
        *entry_of(ix, ix->by_number, hash_number(last->number), last->slot) = p->slot + 1;
        last->slot = p->slot;
        ix->all[p->slot] = last;
    }
    free_pattern(ix, p);
    trim(ix);
}

void string_index_set_asked(string_index *ix, uint32_t number, bool asked)
{
    const string_pattern *p = string_pattern_of(ix, number);
    if (p->place == FILED_EACH) {
        set_asked(ix, p, asked);
    }
}
