#include "string_parts.h"

/* One search over the text, or over its fold. */
typedef struct search {
    string_hits *hits;
    const char *text;
    size_t length;
    size_t at;      /* where the keys of the current walk begin */
    bool folded;    /* `text` is folded */
    bool no_memory; /* a pattern could not be tried */
} search;

void string_hits_init(string_hits *hits)
{
    *hits = (string_hits){0};
}

void string_hits_free(string_hits *hits)
{
    heap_free(&hits->heap, hits->numbers, hits->cap * sizeof *hits->numbers);
    heap_free(&hits->heap, hits->seen, hits->seen_cap * sizeof *hits->seen);
    heap_free(&hits->heap, hits->folded, hits->folded_cap);
    heap_free(&hits->heap, hits->state, hits->state_cap * sizeof *hits->state);
    heap_free(&hits->heap, hits->rows, REGEX_ROW_WORDS * sizeof *hits->rows);
    heap_free(&hits->heap, hits->hops, NEEDLE_HOPS * sizeof *hits->hops);
    *hits = (string_hits){0};
}

/* Room for every answer, so that nothing can fail later but monstrous patterns; a new epoch, in
 * which no pattern has been seen. */
static bool prepare(string_hits *hits, uint32_t patterns)
{
    uint32_t before = hits->seen_cap;
    if (!heap_reserve(&hits->heap, &hits->numbers, &hits->cap, patterns, sizeof *hits->numbers) ||
        !heap_reserve(&hits->heap, &hits->seen, &hits->seen_cap, patterns, sizeof *hits->seen)) {
        return false;
    }
    if (hits->seen_cap > before) {
        memset(hits->seen + before, 0, (hits->seen_cap - before) * sizeof *hits->seen);
    }
    hits->count = 0;
    hits->epoch++;
    if (hits->epoch == 0) { /* 2^32 searches later: old stamps would look new */
        memset(hits->seen, 0, hits->seen_cap * sizeof *hits->seen);
        if (hits->hops != NULL) {
            memset(hits->hops, 0, NEEDLE_HOPS * sizeof *hits->hops);
        }
        hits->epoch = 1;
    }
    return true;
}

/* Tries a LIKE pattern or a regex whose needle was found, or that has none. */
static bool holds(search *s, const string_pattern *p)
{
    string_hits *hits = s->hits;
    bool is_regex = p->kind == STRING_MATCHES;
    uint32_t words = is_regex ? regex_state_words(p->regex) : like_state_words(p->like);
    if (!heap_reserve(&hits->heap, &hits->state, &hits->state_cap, words, sizeof *hits->state)) {
        s->no_memory = true;
        return false;
    }
    if (is_regex && words > 0 && s->length >= REGEX_ROWS_FROM && hits->rows == NULL) {
        hits->rows = heap_alloc(&hits->heap, REGEX_ROW_WORDS * sizeof *hits->rows);
    }
    return is_regex ? regex_match(p->regex, s->text, s->length, hits->state, hits->rows)
                    : like_match_with(p->like, s->text, s->length, s->folded, hits->state);
}

/* The text has this key at `at`: each pattern that shares it is found, or tried. */
static bool hit(void *context, const needle *first)
{
    search *s = context;
    string_hits *hits = s->hits;
    bool settled = true;
    for (const needle *n = first; n != NULL; n = n->next) {
        const string_pattern *p = (const string_pattern *)n;
        if (hits->seen[p->slot] == hits->epoch) {
            continue;
        }
        if (n->start != 0 &&
            (n->start > s->at || memcmp(s->text + s->at - n->start, n->bytes, n->start) != 0)) {
            settled = false;
            continue;
        }
        hits->seen[p->slot] = hits->epoch;
        if (p->decided || holds(s, p)) {
            hits->numbers[hits->count++] = p->number;
        }
    }
    return settled;
}

/* Walks from the position s->at, and makes the trail when a first walk is long (without memory for
 * it, long walks stay slow). */
static void walk_here(search *s, needle_set set, uint32_t known)
{
    string_hits *hits = s->hits;
    needle_trail trail = {hits->hops, hits->epoch};
    bool is_long = needles_walk(set, s->text + s->at, s->length - s->at, known, trail, hit, s);
    if (is_long && hits->hops == NULL) {
        hits->hops = heap_zalloc(&hits->heap, NEEDLE_HOPS * sizeof *hits->hops);
    }
}

/* Positions base .. base + count of one class. `words` are their bytes in a place where 8 can be
 * read at each. */
static void search_block(search *s, const gram_table *grams, size_t base, const char *words,
                         uint32_t count)
{
    uint32_t found[GRAM_BLOCK];
    count = grams_scan(grams, words, count, found);
    for (uint32_t i = 0; i < count; i++) {
        const needle_set *set = grams_find(grams, load64(words + found[i]) & grams->mask);
        if (set != NULL) {
            s->at = base + found[i];
            walk_here(s, *set, grams->width);
        }
    }
}

/* All positions of one class. The last seven, where a word would reach beyond the text, are read
 * from a padded copy. */
static void search_class(search *s, const gram_table *grams)
{
    if (s->length < grams->width) {
        return;
    }
    size_t words = s->length >= 8 ? s->length - 7 : 0;
    for (size_t base = 0; base < words; base += GRAM_BLOCK) {
        size_t count = words - base < GRAM_BLOCK ? words - base : GRAM_BLOCK;
        search_block(s, grams, base, s->text + base, (uint32_t)count);
    }
    size_t positions = s->length - grams->width + 1;
    if (positions > words) {
        char tail[16] = {0};
        memcpy(tail, s->text + words, s->length - words);
        search_block(s, grams, words, tail, (uint32_t)(positions - words));
    }
}

static void search_side(const string_side *side, search *s)
{
    for (uint32_t c = 0; c < GRAM_CLASSES; c++) {
        if (side->grams[c].count != 0) {
            search_class(s, &side->grams[c]);
        }
    }
    s->at = 0;
    walk_here(s, side->starts, 0);
    needles_walk_backward(side->ends, s->text, s->length, hit, s);
}

/* The fold of the text, in hits->folded. False: no memory. */
static bool fold_text(string_hits *hits, const char *text, size_t length, size_t *folded_length)
{
    unsigned char high = 0;
    for (size_t i = 0; i < length; i++) {
        high |= (unsigned char)text[i];
    }
    size_t room = high < 0x80 ? length : 2 * length; /* like.c: a fold at most doubles */
    if (room >= UINT32_MAX ||
        !heap_reserve(&hits->heap, &hits->folded, &hits->folded_cap, (uint32_t)room + 1, 1)) {
        return false;
    }
    size_t n = 0;
    if (high < 0x80) {
        for (; n < length; n++) {
            unsigned char c = (unsigned char)text[n];
            hits->folded[n] = (char)(c + (c >= 'A' && c <= 'Z' ? 'a' - 'A' : 0));
        }
    } else {
        for (size_t at = 0; at < length;) {
            n += utf8_put(hits->folded + n, like_next(text, length, &at, true));
        }
    }
    *folded_length = n;
    return true;
}

/* The patterns without a literal: only the number of code points matters. */
static void search_anything(const string_index *ix, search *s)
{
    size_t points = 0;
    for (size_t i = 0; i < s->length; i++) {
        points += ((unsigned char)s->text[i] & 0xC0) != 0x80;
    }
    for (const needle *n = ix->anything; n != NULL; n = n->next) {
        const string_pattern *p = (const string_pattern *)n;
        if (p->open ? points >= p->points : points == p->points) {
            s->hits->numbers[s->hits->count++] = p->number;
        }
    }
}

/* The regexes without a literal that are asked for. */
static void search_each(const string_index *ix, search *s)
{
    for (uint32_t i = 0; i < ix->each_asked; i++) {
        const string_each *one = &ix->each[i];
        if (regex_ends_fit(&one->ends, s->text, s->length) && holds(s, one->pattern)) {
            s->hits->numbers[s->hits->count++] = one->pattern->number;
        }
    }
}

bool string_index_search(const string_index *ix, const char *text, size_t length, string_hits *hits)
{
    hits->count = 0;
    if (ix->count == 0) {
        return true;
    }
    if (!prepare(hits, ix->count) || !heap_reserve(&hits->heap, &hits->state, &hits->state_cap,
                                                   ix->each_words, sizeof *hits->state)) {
        return false;
    }
    search s = {.hits = hits, .text = text, .length = length};
    if (ix->anything != NULL) {
        search_anything(ix, &s);
    }
    search_each(ix, &s);
    if (ix->sides[0].count != 0) {
        search_side(&ix->sides[0], &s);
    }
    if (ix->sides[1].count != 0) {
        s.folded = true;
        if (!fold_text(hits, text, length, &s.length)) {
            return false;
        }
        s.text = hits->folded;
        search_side(&ix->sides[1], &s);
    }
    return !s.no_memory;
}

bool string_index_try(const string_index *ix, uint32_t number, const char *text, size_t length,
                      string_hits *hits)
{
    const string_pattern *p = string_pattern_of(ix, number);
    search s = {.hits = hits, .text = text, .length = length};
    return p->place == FILED_EACH && p->points >= ix->each_asked &&
           regex_ends_fit(&ix->each[p->points].ends, text, length) && holds(&s, p);
}
