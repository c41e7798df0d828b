#include "string_parts.h"

#include "require.h"

#define LOG_SLOTS_MIN 3u
#define PIECES 4u  /* literals of a LIKE pattern that may become its needle */
#define CROWD 8u   /* patterns that may share a needle before another literal is preferred */
#define OFFSETS 8u /* grams of a needle that are looked at */

const uint8_t string_gram_widths[GRAM_CLASSES] = {1, 2, 3, 4, 6, 8};

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

/* Gives memory back after a removal, where that pays and works. */
static void trim(string_index *ix)
{
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
    like_free(ix->heap, p->like);
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
    ix->count = 0;
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

/* ---- choosing a place ----------------------------------------------------------------------- */

/* The root of the set where the pattern is, or belongs; NULL when it belongs under a new gram. */
static needle_set *set_of(string_index *ix, const string_pattern *p)
{
    string_side *side = string_side_of(ix, p);
    if (p->place != FILED_GRAM) {
        return p->place == FILED_START ? &side->starts : &side->ends;
    }
    const gram_table *grams = &side->grams[p->class];
    return grams_find(grams, gram_at(grams, p->needle.bytes + p->needle.start));
}

/* Makes `piece` the needle, with its first gram where it needs one. */
static void set_needle(string_pattern *p, like_piece piece)
{
    static const uint8_t places[] = {FILED_GRAM, FILED_START, FILED_END};
    p->needle.bytes = piece.bytes;
    p->needle.length = piece.length;
    p->needle.start = 0;
    p->needle.backward = piece.place == PLACE_END;
    p->place = places[piece.place];
    p->class = GRAM_CLASSES - 1;
    while (string_gram_widths[p->class] > piece.length) {
        p->class--;
    }
}

/* Is the needle already that of many patterns? */
static bool crowded(string_index *ix, const string_pattern *p)
{
    needle_set *set = set_of(ix, p);
    const needle *n = set != NULL ? needles_find(*set, &p->needle) : NULL;
    uint32_t count = 0;
    while (n != NULL && count < CROWD) {
        n = n->next;
        count++;
    }
    return count == CROWD;
}

/* Takes a later gram of the needle when the first is taken and that one is not. */
static void choose_gram(string_index *ix, string_pattern *p)
{
    if (p->place != FILED_GRAM) {
        return;
    }
    uint32_t last = p->needle.length - string_gram_widths[p->class];
    uint32_t step = last / OFFSETS + 1;
    for (uint32_t start = 0; start <= last; start += step) {
        p->needle.start = start;
        if (set_of(ix, p) == NULL) {
            return;
        }
    }
    p->needle.start = 0;
}

/* A LIKE that its needle decides needs no compiled pattern, if its text has the same bytes (it has
 * not when an escape or folding changed them). */
static void drop_like(string_index *ix, string_pattern *p)
{
    uint32_t runs = 0;
    while (p->text[runs] == '%') {
        runs++;
    }
    if (p->length - runs >= p->needle.length &&
        memcmp(p->text + runs, p->needle.bytes, p->needle.length) == 0) {
        p->needle.bytes = p->text + runs;
        like_free(ix->heap, p->like);
        p->like = NULL;
    }
}

/* Compiles a LIKE and chooses its needle. False: no memory. */
static bool place_like(string_index *ix, string_pattern *p)
{
    p->like = like_compile(ix->heap, p->text, p->length, p->text + p->length, p->escape_length,
                           p->kind == STRING_ILIKE);
    if (p->like == NULL) {
        return false;
    }
    like_piece pieces[PIECES];
    uint32_t count = like_pieces(p->like, pieces, PIECES), chosen = 0;
    if (count == 0) {
        p->place = FILED_ANYTHING;
        p->points = like_points(p->like, &p->open);
        like_free(ix->heap, p->like);
        p->like = NULL;
        return true;
    }
    set_needle(p, pieces[0]);
    while (count > 1 && chosen < count && crowded(ix, p)) {
        chosen++;
        set_needle(p, pieces[chosen % count]); /* all crowded: the best */
    }
    p->decided = like_is_one_piece(p->like);
    if (p->decided) {
        drop_like(ix, p);
    }
    return true;
}

static bool place(string_index *ix, string_pattern *p)
{
    if (p->kind == STRING_LIKE || p->kind == STRING_ILIKE) {
        if (!place_like(ix, p)) {
            return false;
        }
    } else if (p->length == 0) {
        p->place = FILED_ANYTHING;
        p->open = true;
    } else {
        like_place where = p->kind == STRING_SUFFIX ? PLACE_END : PLACE_ANYWHERE;
        set_needle(p, (like_piece){p->text, p->length, where});
        p->decided = true;
    }
    choose_gram(ix, p);
    return true;
}

/* ---- adding and removing -------------------------------------------------------------------- */

/* Links a pattern into its place, for which there is room. */
static void file(string_index *ix, string_pattern *p)
{
    string_side *side = string_side_of(ix, p);
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
        set = set_of(ix, p);
    }
    needles_add(set, &p->needle);
    side->count++;
}

static void unfile(string_index *ix, string_pattern *p)
{
    needle *n = &p->needle;
    if (p->place == FILED_ANYTHING) {
        *(n->prev != NULL ? &n->prev->next : &ix->anything) = n->next;
        if (n->next != NULL) {
            n->next->prev = n->prev;
        }
        return;
    }
    string_side *side = string_side_of(ix, p);
    needle_set *set = set_of(ix, p);
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
    if (!place(ix, p) || !reserve(ix, p)) {
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

static string_pattern *pattern_of(const string_index *ix, uint32_t number)
{
    uint32_t mask = (1u << ix->log_slots) - 1;
    uint32_t i = hash_number(number) >> (32 - ix->log_slots);
    while (ix->all[ix->by_number[i] - 1]->number != number) {
        i = (i + 1) & mask;
    }
    return ix->all[ix->by_number[i] - 1];
}

void string_index_remove(string_index *ix, uint32_t number)
{
    string_pattern *p = pattern_of(ix, number);
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
