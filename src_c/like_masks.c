#include "like_masks.h"

/* One distinct code point of the core. */
typedef struct point_entry {
    uint32_t point;
    uint32_t count; /* its places; 0 marks a free slot */
    uint32_t at;    /* its row in `rows` when count >= words, else the start of its list */
} point_entry;

struct like_masks {
    uint32_t words;
    uint32_t points;
    uint32_t distinct;
    uint32_t log_slots;
    uint32_t row_count, list_count; /* of `rows` and `lists` */
    char first;                     /* the byte that the core begins with */
    uint64_t *any;                  /* `words` words */
    uint64_t *rows;
    uint32_t *lists; /* places in ascending order */
    point_entry *slots;
};

static point_entry *slot_of(const like_masks *m, uint32_t point)
{
    uint32_t mask = (1u << m->log_slots) - 1;
    uint32_t i = (point * 0x9E3779B1u) >> (32 - m->log_slots);
    while (m->slots[i].count != 0 && m->slots[i].point != point) {
        i = (i + 1) & mask;
    }
    return &m->slots[i];
}

static bool grow(heap *h, like_masks *m)
{
    size_t old_slots = (size_t)1 << m->log_slots;
    point_entry *old = m->slots;
    point_entry *bigger = heap_zalloc(h, 2 * old_slots * sizeof *bigger);
    if (bigger == NULL) {
        return false;
    }
    m->slots = bigger;
    m->log_slots++;
    for (size_t i = 0; i < old_slots; i++) {
        if (old[i].count != 0) {
            *slot_of(m, old[i].point) = old[i];
        }
    }
    heap_free(h, old, old_slots * sizeof *old);
    return true;
}

/* Counts the places of every code point. */
static bool count_points(heap *h, like_masks *m, const char *core, size_t length)
{
    for (size_t at = 0; at < length;) {
        if (core[at] == LIKE_ANY) {
            at++;
            continue;
        }
        uint32_t point = like_next(core, length, &at, false);
        point_entry *slot = slot_of(m, point);
        if (slot->count++ == 0) {
            slot->point = point;
            m->distinct++;
            if (m->distinct * 2 > 1u << m->log_slots && !grow(h, m)) {
                return false;
            }
        }
    }
    return true;
}

/* Gives every code point a row or a list. */
static bool make_room(heap *h, like_masks *m)
{
    for (size_t i = 0; i < (size_t)1 << m->log_slots; i++) {
        point_entry *e = &m->slots[i];
        if (e->count >= m->words) {
            e->at = m->row_count++;
        } else if (e->count != 0) {
            e->at = m->list_count;
            m->list_count += e->count;
        }
    }
    m->any = heap_zalloc(h, m->words * sizeof *m->any);
    if (m->row_count != 0) {
        m->rows = heap_zalloc(h, (size_t)m->row_count * m->words * sizeof *m->rows);
    }
    if (m->list_count != 0) {
        m->lists = heap_alloc(h, m->list_count * sizeof *m->lists);
    }
    return m->any != NULL && (m->rows != NULL || m->row_count == 0) &&
           (m->lists != NULL || m->list_count == 0);
}

static void fill(like_masks *m, const char *core, size_t length)
{
    uint32_t place = 0;
    for (size_t at = 0; at < length; place++) {
        uint64_t bit = UINT64_C(1) << place % 64;
        if (core[at] == LIKE_ANY) {
            m->any[place / 64] |= bit;
            at++;
            continue;
        }
        point_entry *e = slot_of(m, like_next(core, length, &at, false));
        if (e->count >= m->words) {
            m->rows[(size_t)e->at * m->words + place / 64] |= bit;
        } else {
            m->lists[e->at++] = place; /* `at` moves to the end of the list, and back below */
        }
    }
    for (size_t i = 0; i < (size_t)1 << m->log_slots; i++) {
        point_entry *e = &m->slots[i];
        if (e->count < m->words) {
            e->at -= e->count;
        }
    }
}

like_masks *like_masks_new(heap *h, const char *core, size_t length, uint32_t points)
{
    like_masks *m = heap_zalloc(h, sizeof *m);
    if (m == NULL) {
        return NULL;
    }
    m->words = (points + 63) / 64;
    m->points = points;
    m->log_slots = 2;
    m->first = core[0];
    m->slots = heap_zalloc(h, sizeof *m->slots << m->log_slots);
    if (m->slots == NULL || !count_points(h, m, core, length) || !make_room(h, m)) {
        like_masks_free(h, m);
        return NULL;
    }
    fill(m, core, length);
    return m;
}

void like_masks_free(heap *h, like_masks *m)
{
    if (m == NULL) {
        return;
    }
    heap_free(h, m->any, m->words * sizeof *m->any);
    heap_free(h, m->rows, (size_t)m->row_count * m->words * sizeof *m->rows);
    heap_free(h, m->lists, m->list_count * sizeof *m->lists);
    heap_free(h, m->slots, sizeof *m->slots << m->log_slots);
    heap_free(h, m, sizeof *m);
}

uint32_t like_masks_words(const like_masks *m)
{
    return m->words;
}

/* Moves a state of several words on by a code point. Returns whether any bit is left. */
static bool advance(const like_masks *m, uint32_t point, uint64_t *state)
{
    const point_entry *e = slot_of(m, point);
    const uint64_t *row = e->count >= m->words ? m->rows + (size_t)e->at * m->words : NULL;
    const uint32_t *list = row == NULL && e->count != 0 ? m->lists + e->at : NULL;
    const uint32_t *list_end = list != NULL ? list + e->count : NULL;
    uint64_t carry = 1, left = 0;
    for (uint32_t w = 0; w < m->words; w++) {
        uint64_t allowed = m->any[w];
        if (row != NULL) {
            allowed |= row[w];
        }
        while (list != list_end && *list / 64 == w) {
            allowed |= UINT64_C(1) << *list++ % 64;
        }
        uint64_t next = (state[w] << 1 | carry) & allowed;
        carry = state[w] >> 63;
        state[w] = next;
        left |= next;
    }
    return left != 0;
}

/* With no bit set, nothing happens before the core's first byte. (The fold of a text may hold that
 * byte where the text does not.) */
static size_t skip_idle(const like_masks *m, const char *text, size_t at, size_t length, bool fold)
{
    if (fold || at == length || text[at] == m->first) {
        return at;
    }
    const char *next = memchr(text + at, m->first, length - at);
    return next != NULL ? (size_t)(next - text) : length;
}

static size_t find_short(const like_masks *m, const char *text, size_t at, size_t length, bool fold)
{
    uint64_t found = UINT64_C(1) << (m->points - 1), any = m->any[0], state = 0;
    for (;;) {
        if (state == 0) {
            at = skip_idle(m, text, at, length, fold);
        }
        if (at == length) {
            return SIZE_MAX;
        }
        const point_entry *e = slot_of(m, like_next(text, length, &at, fold));
        uint64_t allowed = e->count != 0 ? any | m->rows[e->at] : any;
        state = (state << 1 | 1) & allowed;
        if ((state & found) != 0) {
            return at;
        }
    }
}

size_t like_masks_find(const like_masks *m, const char *text, size_t from, size_t length, bool fold,
                       uint64_t *state)
{
    if (m->words == 1) {
        return find_short(m, text, from, length, fold);
    }
    uint64_t found = UINT64_C(1) << (m->points - 1) % 64;
    bool busy = false;
    memset(state, 0, m->words * sizeof *state);
    for (size_t at = from;;) {
        if (!busy) {
            at = skip_idle(m, text, at, length, fold);
        }
        if (at == length) {
            return SIZE_MAX;
        }
        busy = advance(m, like_next(text, length, &at, fold), state);
        if ((state[m->words - 1] & found) != 0) {
            return at;
        }
    }
}
