/* encode.c - from an event's log to numbers: each value once, however many subscriptions ask.
 *
 * A value costs a chain of dependent cache misses: slot and node of its key, the path's info, slot
 * and record of the constant, the cuts, the header of the cluster. None of them is needed by any
 * other value, so a chunk of values takes each step together, and every step prefetches the next:
 *
 *     resolve    key -> slot -> node -> path
 *     hash       path info -> hash of the value
 *     guess      slot -> record
 *     encode     code, patterns -> probes (clusters to look into)
 *
 * Labels are found when a range asks for them.
 */
#include "scratch.h"

#include <string.h>

bool marks_begin(marks *m, heap *h, uint32_t count)
{
    uint32_t old = m->cap;
    if (!heap_reserve(h, &m->stamps, &m->cap, count > 0 ? count : 1, sizeof(uint32_t))) {
        return false;
    }
    if (++m->epoch == 0) { /* wrapped: stamps of 2^32 events ago would look new */
        old = 0;
        m->epoch = 1;
    }
    memset(m->stamps + old, 0, (m->cap - old) * sizeof(uint32_t));
    return true;
}

void encode_reset(me_event *ev)
{
    for (uint32_t i = 0; i < ev->touched_count; i++) {
        ev->table[slot_code(ev->touched[i])] = CODE_MISSING;
        ev->table[slot_label(ev->touched[i])] = CODE_MISSING;
    }
    ev->touched_count = 0;
    ev->probe_count = 0;
    ev->lazy_labels = 0;
    ev->many = false;
    ev->bits = (sieve_bits){0};
    sieve_set(&ev->bits, SIEVE_NOTHING);
}

static bool make_room_to_compute(const me_engine *e, me_event *ev, uint32_t entries)
{
    heap *h = &ev->log.heap;
    return heap_reserve(h, &ev->numbers, &ev->numbers_cap, entries, sizeof(me_value)) &&
           heap_reserve(h, &ev->wheels, &ev->wheels_cap, e->most_wheels, sizeof(uint32_t)) &&
           heap_reserve(h, &ev->operands, &ev->operands_cap, e->most_operands, sizeof(me_value));
}

static bool make_room(const me_engine *e, me_event *ev)
{
    heap *h = &ev->log.heap;
    uint32_t entries = ev->log.count > 0 ? ev->log.count : 1;
    if (ev->table_paths < e->paths.count) {
        uint32_t old = ev->table_paths, cap = old;
        uint32_t *table = ev->table;
        if (!heap_reserve(h, &table, &cap, e->paths.count, TABLE_ROW * sizeof(uint32_t))) {
            return false;
        }
        memset(table + TABLE_ROW * (size_t)old, 0, (cap - old) * TABLE_ROW * sizeof(uint32_t));
        ev->table = table;
        ev->table_paths = cap;
    }
    return heap_reserve(h, &ev->codes, &ev->codes_cap, entries, sizeof(uint32_t)) &&
           heap_reserve(h, &ev->labels, &ev->labels_cap, entries, sizeof(uint32_t)) &&
           heap_reserve(h, &ev->touched, &ev->touched_cap, entries, sizeof(uint32_t)) &&
           (e->computations.live == 0 || make_room_to_compute(e, ev, entries)) &&
           (e->pattern_count == 0 || (marks_begin(&ev->patterns, h, e->pattern_count) &&
                                      marks_begin(&ev->tried, h, e->pattern_count)));
}

static inline bool add_probe(const me_engine *e, me_event *ev, uint32_t number, uint32_t entry)
{
    if (number == CLUSTER_NONE) {
        return true;
    }
    PREFETCH(&e->clusters.all[number]);
    if (ev->probe_count == ev->probe_cap &&
        !heap_reserve(&ev->log.heap, &ev->probes, &ev->probe_cap, ev->probe_count + 1,
                      sizeof(probe))) {
        return false;
    }
    ev->probes[ev->probe_count++] = (probe){number, entry};
    return true;
}

/* The code of a value that is no constant of its path. */
static uint32_t code_of_type(const me_value *v)
{
    switch (v->type) {
    case ME_NULL:
        return CODE_NULL;
    case ME_BOOL:
        return v->as.i ? CODE_TRUE : CODE_FALSE;
    case ME_STRING:
        return CODE_STRINGS;
    case ME_DOUBLE:
        return v->as.d != v->as.d ? CODE_NAN : CODE_NUMBERS;
    default:
        return CODE_NUMBERS;
    }
}

uint32_t label_of_entry(const me_engine *e, me_event *ev, uint32_t i)
{
    if (ev->labels[i] == LABEL_LAZY) {
        const event_entry *entry = &ev->log.entries[i];
        uint32_t *label = &ev->table[slot_label(entry->path)];
        ev->lazy_labels--;
        ev->labels[i] = cuts_locate(cuts_for(&e->infos[entry->path], &entry->value), &entry->value);
        *label = *label == LABEL_LAZY ? ev->labels[i] : *label;
    }
    return ev->labels[i];
}

/* Narrow ranges: two cells of every width class in use. */
static bool probe_cells(const me_engine *e, me_event *ev, uint32_t i)
{
    uint32_t path = ev->log.entries[i].path, label = label_of_entry(e, ev, i);
    for (uint32_t classes = e->infos[path].classes; classes != 0; classes &= classes - 1) {
        uint32_t k = 0;
        while ((classes >> k & 1) == 0) {
            k += 2;
        }
        uint32_t cell = label >> k;
        if (!add_probe(e, ev, clusters_find_cell(&e->clusters, path, k, cell), i) ||
            (cell > 0 &&
             !add_probe(e, ev, clusters_find_cell(&e->clusters, path, k, cell - 1), i))) {
            return false;
        }
    }
    return true;
}

/* The label of a value that has a code; LAZY when it takes a search. */
static uint32_t first_label(const path_info *info, const me_value *v, uint32_t code)
{
    if (code <= CODE_NAN) {
        return code;
    }
    const cuts *c = cuts_for(info, v);
    if (c != NULL && c->count > 0) {
        return LABEL_LAZY;
    }
    return code >= CODE_STRINGS ? LABEL_STRINGS : LABEL_NUMBERS; /* the empty prefix has no cuts */
}

static bool probe_ranges(const me_engine *e, me_event *ev, uint32_t i)
{
    const path_info *info = &e->infos[ev->log.entries[i].path];
    return ev->labels[i] <= CODE_NAN ||
           (add_probe(e, ev, info->wide, i) && (info->classes == 0 || probe_cells(e, ev, i)));
}

static bool encode_patterns(const me_engine *e, me_event *ev, uint32_t path, const me_value *v)
{
    const string_index *index = e->infos[path].patterns;
    if (index == NULL || v->type != ME_STRING) {
        return true;
    }
    if (!string_index_search(index, v->as.s, v->len, &ev->hits)) {
        return false;
    }
    for (uint32_t i = 0; i < ev->hits.count; i++) {
        uint32_t number = ev->hits.numbers[i];
        if (!marks_has(&ev->patterns, number)) {
            marks_set(&ev->patterns, number);
            if (!add_probe(e, ev, e->patterns[number].cluster, 0)) {
                return false;
            }
        }
    }
    return true;
}

/* Enters entry i as a value of its path: alone in the table, or at the head of the path's chain. */
static bool enter_value(const me_engine *e, me_event *ev, uint32_t i)
{
    event_entry *entry = &ev->log.entries[i];
    uint32_t path = entry->path;
    uint32_t *code = &ev->table[slot_code(path)], *label = &ev->table[slot_label(path)];
    uint32_t *newest = &ev->table[slot_newest(path)];
    entry->next = UINT32_MAX;
    if (*code == CODE_MISSING) {
        *code = ev->codes[i];
        *label = ev->labels[i];
        *newest = i;
        ev->touched[ev->touched_count++] = path;
        sieve_set(&ev->bits, sieve_bit(path));
        return add_probe(e, ev, e->infos[path].present, 0);
    }
    entry->next = *newest;
    *newest = i;
    *code = *label = CODE_MANY;
    ev->many = true;
    return true;
}

/* ---- a chunk of entries, step by step ---------------------------------------------------------- */

#define CHUNK 32u

typedef struct chunk {
    uint32_t count;
    uint32_t entries[CHUNK]; /* entries that lie on a subscribed path */
    uint64_t hashes[CHUNK];  /* of values that may be constants */
    bool hashed[CHUNK];
} chunk;

static void resolve(const me_engine *e, me_event *ev, uint32_t from, uint32_t to, chunk *c)
{
    const paths *p = &e->paths;
    for (uint32_t i = from; i < to; i++) {
        const path_query *q = &ev->log.entries[i].query;
        if (q->key != NULL && !q->is_far) {
            uint32_t guess = paths_guess(p, q);
            if (guess != PATH_NONE) {
                PREFETCH(&p->nodes[guess]);
                PREFETCH(&e->infos[guess]);
            }
        }
    }
    c->count = 0;
    for (uint32_t i = from; i < to; i++) {
        event_entry *entry = &ev->log.entries[i];
        if (entry->query.key != NULL) {
            uint32_t path = paths_answer(p, &entry->query);
            entry->path = path != PATH_NONE && p->nodes[path].uses > 0 ? path : PATH_NONE;
        }
        if (entry->path != PATH_NONE) {
            PREFETCH(&ev->table[slot_code(entry->path)]);
            c->entries[c->count++] = i;
        }
    }
}

static void hash_values(const me_engine *e, me_event *ev, chunk *c)
{
    bool computes = e->computations.live > 0;
    for (uint32_t k = 0; k < c->count; k++) {
        event_entry *entry = &ev->log.entries[c->entries[k]];
        const path_info *info = &e->infos[entry->path];
        if (computes) { /* the canonical form does not tell 5.0 from 5 */
            ev->numbers[c->entries[k]] = arithmetic_operand(entry->value);
        }
        entry->value = value_canonical(entry->value);
        uint32_t code = code_of_type(&entry->value);
        ev->codes[c->entries[k]] = code;
        c->hashed[k] = info->constants > 0 && code != CODE_NAN && code != CODE_NULL;
        if (c->hashed[k]) {
            c->hashes[k] = constants_hash(&e->constants, entry->path, &entry->value);
            c->hashed[k] = (info->marks & constants_mark(c->hashes[k])) != 0;
        }
        if (c->hashed[k]) {
            PREFETCH(&e->constants.slots[(uint32_t)c->hashes[k] & e->constants.mask]);
        }
    }
}

static void guess_records(const me_engine *e, const me_event *ev, const chunk *c)
{
    for (uint32_t k = 0; k < c->count; k++) {
        const event_entry *entry = &ev->log.entries[c->entries[k]];
        const path_info *info = &e->infos[entry->path];
        if (info->wide != CLUSTER_NONE) {
            PREFETCH(&e->clusters.all[info->wide]);
        }
        if (c->hashed[k]) {
            uint32_t number = constants_guess(&e->constants, c->hashes[k]);
            if (number != CONSTANT_NONE) {
                PREFETCH(&e->constants.records[number]);
            }
        }
    }
}

static bool encode_entry(const me_engine *e, me_event *ev, const chunk *c, uint32_t k)
{
    uint32_t i = c->entries[k], code = ev->codes[i];
    const event_entry *entry = &ev->log.entries[i];
    if (c->hashed[k]) {
        uint32_t number =
            constants_find_hashed(&e->constants, entry->path, &entry->value, c->hashes[k]);
        if (number != CONSTANT_NONE) {
            ev->codes[i] = code = constants_code(&e->constants, number);
            sieve_set(&ev->bits, sieve_bit_of_constant(number));
            if (!add_probe(e, ev, e->constants.records[number].cluster, 0)) {
                return false;
            }
        }
    }
    ev->labels[i] = first_label(&e->infos[entry->path], &entry->value, code);
    ev->lazy_labels += ev->labels[i] == LABEL_LAZY;
    return enter_value(e, ev, i) && probe_ranges(e, ev, i) &&
           encode_patterns(e, ev, entry->path, &entry->value);
}

/* Makes room for what computations come to (evaluate.c). */
static bool note_outcomes(const me_engine *e, me_event *ev)
{
    uint32_t count = e->computations.live > 0 ? e->computations.count : 0;
    return !ev->many || count == 0 ||
           (count <= UINT32_MAX / 3 && marks_begin(&ev->outcomes, &ev->log.heap, 3 * count));
}

bool encode_event(const me_engine *e, me_event *ev)
{
    if (!make_room(e, ev)) {
        return false;
    }
    chunk c;
    for (uint32_t from = 0; from < ev->log.count; from += CHUNK) {
        uint32_t to = ev->log.count - from < CHUNK ? ev->log.count : from + CHUNK;
        resolve(e, ev, from, to, &c);
        hash_values(e, ev, &c);
        guess_records(e, ev, &c);
        for (uint32_t k = 0; k < c.count; k++) {
            if (!encode_entry(e, ev, &c, k)) {
                return false;
            }
        }
    }
    return note_outcomes(e, ev) && add_probe(e, ev, e->always, 0);
}
