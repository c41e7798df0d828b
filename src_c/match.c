/* match.c - an event's probes, sieved and verified into a result.
 *
 *     probe -> cluster -> sieve a block of rows -> verify the few that are left -> result
 *
 * A handle can come up twice only when it has several rows (ROW_MANY) or the event has several
 * values on one path; only then is it looked up among the handles already found.
 */
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "scratch.h"
#include "sieve.h"

#define WAITING_ROWS 32u /* more misses than a core keeps in flight */
#define PROBES_AHEAD 8u

/* A row that has what it needs. Verifying it costs a chain of cache misses (its tail, its body, the
 * cuts of the labels that the body asks for), so rows wait for each other and take them together. */
typedef struct waiting {
    const row_tail *tail;
    const sieve_range *range; /* still to be tested; NULL: was tested, or there is none */
    uint32_t entry;           /* whose label it is tested on */
} waiting;

typedef struct matching {
    const me_engine *e;
    me_event *ev;
    me_mode mode;
    bool done;   /* ME_ANY has its match */
    bool failed; /* no memory */
    uint32_t waiting_count;
    waiting waiting[WAITING_ROWS];
    row_tail tails[WAITING_ROWS];
} matching;

static void add_result(matching *m, uint32_t number)
{
    me_event *ev = m->ev;
    if (ev->result_count == ev->result_cap &&
        !heap_reserve(&ev->log.heap, &ev->result, &ev->result_cap, ev->result_count + 1,
                      sizeof(uint32_t))) {
        m->failed = true;
        return;
    }
    ev->result[ev->result_count++] = number;
}

/* Is there anything to gain from verifying this row? */
static bool is_wanted(const matching *m, uint32_t owner)
{
    uint32_t handle = owner & OWNER_MASK;
    if (m->mode == ME_DESTINATIONS) {
        uint32_t to = me_engine_destination(m->e, handle);
        if (to == ME_NO_DESTINATION || number_set_has(&m->ev->destinations, to)) {
            return false;
        }
    }
    return !((owner & ROW_MANY) || m->ev->many) || !marks_has(&m->ev->handles, handle);
}

static void found(matching *m, uint32_t owner)
{
    uint32_t handle = owner & OWNER_MASK;
    if ((owner & ROW_MANY) || m->ev->many) {
        marks_set(&m->ev->handles, handle);
    }
    if (m->mode == ME_DESTINATIONS) {
        uint32_t to = me_engine_destination(m->e, handle);
        m->failed |= !number_set_add(&m->ev->destinations, &m->ev->log.heap, to);
        add_result(m, to);
        return;
    }
    add_result(m, handle);
    m->done = m->mode == ME_ANY;
}

/* Third station: the bodies are here; asks for the cuts of labels that nobody has looked for. */
static void ask_for_labels(const matching *m, uint32_t body)
{
    const test *t = body_tests(&m->e->bodies, body);
    for (uint32_t left = body_size(body); left > 0; left--, t++) {
        if (m->ev->table[test_slot(t)] == LABEL_LAZY) {
            prefetch_label(m->e, m->ev, m->ev->table[slot_newest(test_path(t))]);
        }
    }
}

/* Second station: the tails are here, and the cuts of ranges; asks for the bodies. */
static uint32_t take_tails(matching *m)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < m->waiting_count; i++) {
        const waiting *w = &m->waiting[i];
        if (w->range == NULL ||
            label_of_entry(m->e, m->ev, w->entry) - w->range->lo <= w->range->width) {
            row_tail tail = *w->tail;
            if (tail.body != BODY_NONE) {
                PREFETCH(body_tests(&m->e->bodies, tail.body));
            }
            m->tails[left++] = tail;
        }
    }
    m->waiting_count = 0;
    m->ev->counters.survivors += left;
    return left;
}

static void flush(matching *m)
{
    uint32_t left = take_tails(m);
    for (uint32_t i = 0; i < left; i++) {
        if (m->tails[i].body != BODY_NONE) {
            ask_for_labels(m, m->tails[i].body);
        }
    }
    for (uint32_t i = 0; i < left && !m->done && !m->failed; i++) {
        row_tail tail = m->tails[i];
        if (is_wanted(m, tail.owner) && verify_body(m->e, m->ev, tail.body)) {
            found(m, tail.owner);
        }
    }
}

/* First station: asks for the tails, and for the ranges that are not tested yet. */
static void wait_rows(matching *m, const columns *k, const probe *tested_by, uint32_t base,
                      const uint32_t *kept, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const row_tail *tail = &k->tails[base + kept[i]];
        waiting w = {.tail = tail};
        PREFETCH(tail);
        if (tested_by != NULL) {
            w.range = &k->ranges[base + kept[i]];
            w.entry = tested_by->entry;
            PREFETCH(w.range);
        }
        m->waiting[m->waiting_count++] = w;
        if (m->waiting_count == WAITING_ROWS) {
            flush(m);
        }
    }
}

static void look_into(matching *m, const sieve_kernels *kernels, const probe *p)
{
    uint32_t kept[SIEVE_ROWS + 16];
    cluster *c = &m->e->clusters.all[p->cluster];
    columns k = cluster_columns(c);
    const sieve_bits *bits = &m->ev->bits;
    for (uint32_t base = 0; base < c->count && !m->done && !m->failed; base += SIEVE_ROWS) {
        uint32_t rows = c->count - base < SIEVE_ROWS ? c->count - base : SIEVE_ROWS;
        uint32_t count = kernels->needs(k.needs + base, rows, bits, kept);
        const probe *tests = count > 0 && cluster_has_ranges(c) ? p : NULL;
        if (tests != NULL && count > 16 && count > rows / 4) {
            uint32_t x = label_of_entry(m->e, m->ev, p->entry);
            count = kernels->ranges(k.needs + base, k.ranges + base, rows, bits, x, kept);
            tests = NULL;
        } else if (tests != NULL) {
            prefetch_label(m->e, m->ev, p->entry);
        }
        wait_rows(m, &k, tests, base, kept, count);
    }
    m->ev->counters.candidates += c->count;
}

/* The needs of a probe's cluster: of its first SIEVE_ROWS rows; the hardware follows the rest. */
static void prefetch_needs(const me_engine *e, const me_event *ev, uint32_t i)
{
    if (i >= ev->probe_count) {
        return;
    }
    cluster *c = &e->clusters.all[ev->probes[i].cluster];
    if (c->cap > CLUSTER_FEW) {
        const char *needs = (const char *)cluster_needs(c);
        uint32_t bytes = (c->count < SIEVE_ROWS ? c->count : SIEVE_ROWS) * sizeof(uint32_t);
        for (uint32_t at = 0; at < bytes + 63; at += 64) {
            PREFETCH(needs + at);
        }
    }
}

static bool begin_marks(const me_engine *e, me_event *ev, me_mode mode)
{
    heap *h = &ev->log.heap;
    if (mode == ME_DESTINATIONS && !number_set_begin(&ev->destinations, h)) {
        return false;
    }
    return (!ev->many && e->lists.live == 0) || marks_begin(&ev->handles, h, e->handle_count);
}

me_status me_match(const me_engine *e, me_event *ev, me_mode mode, const uint32_t **result,
                   uint32_t *count)
{
    encode_reset(ev);
    ev->result_count = 0;
    if (!encode_event(e, ev) || !begin_marks(e, ev, mode)) {
        return ME_NOMEM;
    }
    matching m;
    m.e = e;
    m.ev = ev;
    m.mode = mode;
    m.done = m.failed = false;
    m.waiting_count = 0;
    const sieve_kernels *kernels = sieve();
    for (uint32_t i = 0; i < PROBES_AHEAD; i++) {
        prefetch_needs(e, ev, i);
    }
    for (uint32_t i = 0; i < ev->probe_count && !m.done && !m.failed; i++) {
        prefetch_needs(e, ev, i + PROBES_AHEAD);
        look_into(&m, kernels, &ev->probes[i]);
    }
    flush(&m);
    ev->counters.events++;
    ev->counters.matches += ev->result_count;
    sample_event(ev);
    *result = ev->result;
    *count = ev->result_count;
    return m.failed ? ME_NOMEM : ME_OK;
}

/* ---- life of the scratch ------------------------------------------------------------------------- */

me_event *me_event_new(void)
{
    heap h = {0};
    me_event *ev = heap_zalloc(&h, sizeof *ev);
    if (ev != NULL) {
        event_log_init(&ev->log);
        string_hits_init(&ev->hits);
    }
    return ev;
}

void me_event_free(me_event *ev)
{
    if (ev == NULL) {
        return;
    }
    heap *h = &ev->log.heap;
    heap_free(h, ev->table, ev->table_paths * TABLE_ROW * sizeof(uint32_t));
    heap_free(h, ev->codes, ev->codes_cap * sizeof(uint32_t));
    heap_free(h, ev->labels, ev->labels_cap * sizeof(uint32_t));
    heap_free(h, ev->touched, ev->touched_cap * sizeof(uint32_t));
    heap_free(h, ev->probes, ev->probe_cap * sizeof(probe));
    heap_free(h, ev->patterns.stamps, ev->patterns.cap * sizeof(uint32_t));
    heap_free(h, ev->handles.stamps, ev->handles.cap * sizeof(uint32_t));
    number_set_free(&ev->destinations, h);
    heap_free(h, ev->result, ev->result_cap * sizeof(uint32_t));
    heap_free(h, ev->samples, ev->sample_cap * sizeof(sample));
    string_hits_free(&ev->hits);
    event_log_free(&ev->log);
    free(ev);
}

me_status me_event_json(const me_engine *e, me_event *ev, const char *text, size_t length,
                        me_error *error)
{
    event_log_reset(&ev->log);
    return json_read(text, length, &e->limits, &e->paths, &ev->log, error);
}

void me_event_start(me_event *ev)
{
    event_log_reset(&ev->log);
}

uint32_t me_event_step(const me_engine *e, uint32_t path, const char *key, size_t length)
{
    return paths_step(&e->paths, path, key, length);
}

bool me_event_wants(const me_engine *e, uint32_t path)
{
    return e->paths.nodes[path].uses > 0;
}

uint64_t me_event_version(const me_engine *e)
{
    return e->paths.version;
}

bool me_event_put(const me_engine *e, me_event *ev, uint32_t path, const me_value *value)
{
    PREFETCH(&e->infos[path]);
    return event_put(&ev->log, path, *value);
}

bool me_event_put_key(const me_engine *e, me_event *ev, uint32_t path, const char *key,
                      size_t length, const me_value *value)
{
    return event_put_key(&ev->log, &e->paths, path, key, length, *value);
}

char *me_event_bytes(me_event *ev, size_t size)
{
    return event_bytes(&ev->log, size);
}

void me_event_take_counters(me_event *ev, me_counters *add_to)
{
    add_to->events += ev->counters.events;
    add_to->candidates += ev->counters.candidates;
    add_to->survivors += ev->counters.survivors;
    add_to->matches += ev->counters.matches;
    ev->counters = (me_counters){0};
}
