/* match.c - an event's probes, sieved and verified into a result.
 *
 *     probes -> sieve the rows of their clusters -> tails, ranges -> bodies -> labels -> verify
 *
 * Every arrow is a cache miss for what nobody has looked at lately, and how many rows come through
 * cannot be predicted. So each step is taken for many rows before the next, and asks for what the
 * next one reads: a round of clusters is sieved, with few branches on what was read, and the rows
 * that are left go on in groups.
 *
 * A handle can come up twice only when it has several rows (ROW_MANY) or the event has several
 * values on one path; only then is it looked up among the handles already found.
 */
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "scratch.h"
#include "sieve.h"

#define ROUND_SPANS 128u /* looks into clusters in a round, */
#define ROUND_ROWS 256u  /* and rows after which it ends */
#define GROUP_ROWS 64u   /* more misses than a core keeps in flight */
#define PROBES_AHEAD 8u
#define MEASURE_EVERY 64u /* events */
#define FEW_LABELS 4u     /* not worth asking for */

/* At most SIEVE_ROWS rows of a cluster, sieved. */
typedef struct span {
    const probe *probe;
    uint32_t base; /* the first row's position */
    uint32_t end;  /* of its rows among those kept, where the previous span's end */
    bool tested;   /* the ranges, too */
} span;

/* A row that has what it needs. */
typedef struct waiting {
    const row_tail *tail;
    const sieve_range *range; /* still to be tested; NULL: was tested, or there is none */
    uint32_t entry;           /* whose label it is tested on */
} waiting;

/* A row whose range holds, if it has one. */
typedef struct candidate {
    const test *tests; /* of its body; NULL: nothing is left to verify */
    row_tail tail;
} candidate;

typedef struct matching {
    const me_engine *e;
    me_event *ev;
    const sieve_kernels *kernels;
    me_mode mode;
    uint32_t most;  /* matches that are wanted; not of ME_DESTINATIONS */
    bool done;      /* they are there */
    bool failed;    /* no memory */
    bool measuring; /* with this event: how many rows have their needs? */
    uint32_t tried, passed;
    uint32_t next_probe, next_row; /* where the next round begins */
    uint32_t span_count, kept_count, waiting_count;
    span spans[ROUND_SPANS];
    uint32_t kept[ROUND_ROWS + SIEVE_ROWS + 16]; /* positions from their span's base on */
    waiting waiting[GROUP_ROWS];
    candidate candidates[GROUP_ROWS];
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
    m->done = m->ev->result_count == m->most;
}

/* ---- a round: sieving ---------------------------------------------------------------------------- */

/* The needs of a cluster that the round will come to: of its first SIEVE_ROWS rows, the hardware
 * follows the rest. Those in the header were asked for with it. */
static void prefetch_needs(const matching *m, uint32_t i)
{
    if (i >= m->ev->probe_count) {
        return;
    }
    cluster *c = &m->e->clusters.all[m->ev->probes[i].cluster];
    if (c->cap > CLUSTER_FEW) {
        const char *needs = (const char *)cluster_needs(c);
        uint32_t bytes = (c->count < SIEVE_ROWS ? c->count : SIEVE_ROWS) * sizeof(uint32_t);
        for (uint32_t at = 0; at < bytes + 63; at += 64) {
            PREFETCH(needs + at);
        }
    }
}

/* Needs first, and ranges only of the rows that are left, or both at once? Events of some streams
 * have the paths that most rows need: every now and then an event is used to find out. */
static void sieve_ranges(matching *m, const columns *k, const probe *p, uint32_t base,
                         uint32_t rows)
{
    me_event *ev = m->ev;
    uint32_t *kept = m->kept + m->kept_count;
    bool at_once = ev->ranges_at_once && !m->measuring;
    uint32_t count = rows;
    if (!at_once) {
        count = m->kernels->needs(k->needs + base, rows, &ev->bits, kept);
        at_once = count > 16 && count > rows / 4;
        m->tried += rows;
        m->passed += count;
    }
    if (at_once) {
        uint32_t x = label_of_entry(m->e, ev, p->entry);
        count = m->kernels->ranges(k->needs + base, k->ranges + base, rows, &ev->bits, x, kept);
    }
    m->kept_count += count;
    m->spans[m->span_count++] = (span){p, base, m->kept_count, at_once};
}

static void sieve_span(matching *m, const probe *p, uint32_t base, uint32_t rows)
{
    cluster *c = &m->e->clusters.all[p->cluster];
    columns k = cluster_columns(c);
    if (cluster_has_ranges(c) && c->cap > CLUSTER_FEW) {
        sieve_ranges(m, &k, p, base, rows);
        return;
    }
    m->kept_count += m->kernels->needs(k.needs + base, rows, &m->ev->bits, m->kept + m->kept_count);
    m->spans[m->span_count++] = (span){p, base, m->kept_count, false};
}

/* Sieves clusters until there are enough rows, or no more clusters. */
static void sieve_round(matching *m)
{
    const uint32_t enough = m->most < ROUND_ROWS ? m->most : ROUND_ROWS;
    m->span_count = m->kept_count = 0;
    while (m->next_probe < m->ev->probe_count && m->span_count < ROUND_SPANS &&
           m->kept_count < enough) {
        const probe *p = &m->ev->probes[m->next_probe];
        const cluster *c = &m->e->clusters.all[p->cluster];
        uint32_t base = m->next_row;
        uint32_t rows = c->count - base < SIEVE_ROWS ? c->count - base : SIEVE_ROWS;
        sieve_span(m, p, base, rows);
        m->ev->counters.candidates += rows;
        m->next_row = base + rows;
        if (m->next_row == c->count) {
            prefetch_needs(m, ++m->next_probe + PROBES_AHEAD);
            m->next_row = 0;
        }
    }
}

/* ---- a round: the rows that are left -------------------------------------------------------------- */

/* The tails are here, and the cuts of the ranges; asks for the bodies. */
static uint32_t take_tails(matching *m)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < m->waiting_count; i++) {
        const waiting *w = &m->waiting[i];
        if (w->range == NULL ||
            label_of_entry(m->e, m->ev, w->entry) - w->range->lo <= w->range->width) {
            candidate *c = &m->candidates[left++];
            *c = (candidate){NULL, *w->tail};
            if (c->tail.body != BODY_NONE) {
                c->tests = body_tests(&m->e->bodies, c->tail.body);
                PREFETCH(c->tests);
            }
        }
    }
    m->waiting_count = 0;
    m->ev->counters.survivors += left;
    return left;
}

/* A body is here; asks for the cuts of labels that nobody has looked for. */
static void ask_for_labels(const matching *m, const candidate *c)
{
    const test *t = c->tests;
    for (uint32_t left = t == NULL ? 0 : body_size(c->tail.body); left > 0; left--, t++) {
        if (m->ev->table[test_slot(t)] == LABEL_LAZY) {
            prefetch_label(m->e, m->ev, m->ev->table[slot_newest(test_path(t))]);
        }
    }
}

/* Does its first test fail, seen at a glance? Most do, and then nobody need know whose row it is. */
static bool fails_at_once(const me_event *ev, const candidate *c)
{
    if (c->tests == NULL || test_kind_of(c->tests) != T_INTERVAL) {
        return false;
    }
    uint32_t x = ev->table[test_slot(c->tests)];
    return x < LABEL_LAZY && x - c->tests->lo > c->tests->width;
}

static void verify_group(matching *m)
{
    uint32_t left = take_tails(m);
    for (uint32_t i = 0; i < left && m->ev->lazy_labels > FEW_LABELS; i++) {
        ask_for_labels(m, &m->candidates[i]);
    }
    for (uint32_t i = 0; i < left && !m->done && !m->failed; i++) {
        const candidate *c = &m->candidates[i];
        if (!fails_at_once(m->ev, c) && is_wanted(m, c->tail.owner) &&
            verify_body(m->e, m->ev, c->tail.body)) {
            found(m, c->tail.owner);
        }
    }
}

/* Asks for the tails of a span's rows, and for the ranges that are not tested yet. */
static void wait_span(matching *m, const span *s, uint32_t from)
{
    cluster *c = &m->e->clusters.all[s->probe->cluster];
    columns k = cluster_columns(c);
    bool ranges = cluster_has_ranges(c) && !s->tested;
    if (ranges) {
        prefetch_label(m->e, m->ev, s->probe->entry);
    }
    for (uint32_t i = from; i < s->end && !m->done && !m->failed; i++) {
        uint32_t at = s->base + m->kept[i];
        waiting w = {&k.tails[at], ranges ? &k.ranges[at] : NULL, s->probe->entry};
        PREFETCH(w.tail);
        if (ranges) {
            PREFETCH(w.range);
        }
        m->waiting[m->waiting_count++] = w;
        if (m->waiting_count == GROUP_ROWS) {
            verify_group(m);
        }
    }
}

static void verify_round(matching *m)
{
    uint32_t from = 0;
    for (uint32_t i = 0; i < m->span_count && !m->done && !m->failed; i++) {
        if (m->spans[i].end > from) {
            wait_span(m, &m->spans[i], from);
            from = m->spans[i].end;
        }
    }
    verify_group(m);
}

static bool begin_marks(const me_engine *e, me_event *ev, me_mode mode)
{
    heap *h = &ev->log.heap;
    if (mode == ME_DESTINATIONS && !number_set_begin(&ev->destinations, h)) {
        return false;
    }
    return (!ev->many && e->lists.live == 0) || marks_begin(&ev->handles, h, e->handle_count);
}

me_status match_event(const me_engine *e, me_event *ev, me_mode mode, uint32_t most)
{
    encode_reset(ev);
    ev->result_count = 0;
    if (!encode_event(e, ev) || !begin_marks(e, ev, mode)) {
        return ME_NOMEM;
    }
    matching m;
    m.e = e;
    m.ev = ev;
    m.kernels = sieve();
    m.mode = mode;
    m.most = most;
    m.done = m.failed = false;
    m.measuring = ev->events_seen % MEASURE_EVERY == 0;
    m.tried = m.passed = 0;
    m.next_probe = m.next_row = m.waiting_count = 0;
    for (uint32_t i = 0; i <= PROBES_AHEAD; i++) {
        prefetch_needs(&m, i);
    }
    while (m.next_probe < ev->probe_count && !m.done && !m.failed) {
        sieve_round(&m);
        verify_round(&m);
    }
    if (m.measuring && m.tried > 0) {
        ev->ranges_at_once = m.passed > m.tried / 8;
    }
    return m.failed ? ME_NOMEM : ME_OK;
}

me_status me_match(const me_engine *e, me_event *ev, me_mode mode, const uint32_t **result,
                   uint32_t *count)
{
    me_status status = match_event(e, ev, mode, mode == ME_ANY ? 1 : UINT32_MAX);
    if (status == ME_OK) {
        ev->counters.events++;
        ev->counters.matches += ev->result_count;
        sample_event(ev);
    }
    *result = ev->result;
    *count = ev->result_count;
    return status;
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
    heap_free(h, ev->numbers, ev->numbers_cap * sizeof(me_value));
    heap_free(h, ev->wheels, ev->wheels_cap * sizeof(uint32_t));
    heap_free(h, ev->operands, ev->operands_cap * sizeof(me_value));
    heap_free(h, ev->touched, ev->touched_cap * sizeof(uint32_t));
    heap_free(h, ev->probes, ev->probe_cap * sizeof(probe));
    heap_free(h, ev->patterns.stamps, ev->patterns.cap * sizeof(uint32_t));
    heap_free(h, ev->tried.stamps, ev->tried.cap * sizeof(uint32_t));
    heap_free(h, ev->outcomes.stamps, ev->outcomes.cap * sizeof(uint32_t));
    heap_free(h, ev->handles.stamps, ev->handles.cap * sizeof(uint32_t));
    number_set_free(&ev->destinations, h);
    heap_free(h, ev->result, ev->result_cap * sizeof(uint32_t));
    heap_free(h, ev->samples, ev->sample_cap * sizeof(sample));
    string_hits_free(&ev->hits);
    event_log_free(&ev->log);
    heap rest = ev->log.heap;
    heap_free(&rest, ev, sizeof *ev);
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
