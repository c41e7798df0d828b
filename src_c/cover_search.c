/* cover_search.c - which subscriptions cover a filter, are covered by it, or overlap with it?
 *
 * Who covers f matches every event that f matches. So one event is made for each term of f, a
 * witness, and matched as any event is; what matches all witnesses is looked at by formula_covers:
 *
 *     f   a > 5 AND b = 'x'     witnesses {a: next after 5, b: 'x'}, {a: inf, b: 'x'}
 *
 * Two witnesses a term, with small and with large values, leave of the ranges those that hold both.
 * A witness is small, and so is what it touches: this costs about two matches of an event with the
 * attributes of f. Where few answers are wanted, the first that match a witness are asked, before all
 * that do are found. Where no witness is at hand (a regex, arithmetic) all subscriptions are looked at.
 *
 * For what f covers, or overlaps with, the notes of all subscriptions are swept (cover_note.h).
 */
#include <math.h>
#include <string.h>

#include "cover.h"
#include "cover_note.h"
#include "scratch.h"

#define MOST_WITNESSES 16u /* they only sift */
#define FEW 16u            /* candidates that are asked before all are found */

/* Work of one slice (effort.work); then writers get their turn. */
#define SLICE (UINT64_C(1) << 24)

typedef struct search {
    const me_engine *e;
    me_event *ev;
    me_relation relation;
    me_values values;
    bool failed;
    bool answered;  /* the limit is reached */
    uint32_t limit; /* of answers */
    uint64_t spent;
    effort left; /* of reading the filter */
    heap heap;
    arena arena;     /* of the filter, */
    arena candidate; /* and of one subscription */
    path_names names;
    formula f;
    cover_note note;
    uint8_t *stack;
    uint32_t stack_cap;
} search;

/* ---- one subscription ---------------------------------------------------------------------------------- */

static bool room_for(search *s, uint32_t nodes)
{
    return heap_reserve(&s->heap, &s->stack, &s->stack_cap, nodes, 1);
}

static bool expand(const search *s, formula *f, arena *a, effort *left)
{
    return formula_expand(f, a, s->values == ME_VALUES_ONE, left);
}

static bool ask(search *s, const formula *g, effort *left)
{
    switch (s->relation) {
    case ME_COVERING:
        return formula_equal(g, &s->f) || formula_covers(g, &s->f, s->stack, left);
    case ME_COVERED:
        return formula_equal(g, &s->f) || formula_covers(&s->f, g, s->stack, left);
    default:
        return formula_overlaps(&s->f, g, s->values != ME_VALUES_MANY, left);
    }
}

/* Does the subscription stand in the relation? */
static bool is_related(search *s, uint32_t handle)
{
    const uint8_t *bytes;
    size_t length;
    formula g;
    effort left = EFFORT_CANDIDATE;
    const uint64_t work = left.work;
    source_size(s->e->sources[handle], &bytes, &length);
    arena_reset(&s->candidate);
    bool read = formula_read(bytes, length, false, NULL, &s->candidate, &g) &&
                (s->relation == ME_COVERING || expand(s, &g, &s->candidate, &left)) &&
                room_for(s, g.node_count);
    s->failed |= !read;
    bool related = read && ask(s, &g, &left);
    s->spent += work - left.work + length;
    return related;
}

static bool is_done(const search *s)
{
    return s->failed || s->ev->result_count >= s->limit;
}

static void add_handle(search *s, uint32_t handle)
{
    me_event *ev = s->ev;
    if (!heap_reserve(&ev->log.heap, &ev->result, &ev->result_cap, ev->result_count + 1,
                      sizeof(uint32_t))) {
        s->failed = true;
        return;
    }
    ev->result[ev->result_count++] = handle;
}

/* ---- sweeping -------------------------------------------------------------------------------------------- */

static bool is_candidate(const search *s, uint32_t handle)
{
    const cover_note *note = &s->e->notes[handle];
    switch (s->relation) {
    case ME_COVERING:
        return note_demands(&s->note, note);
    case ME_COVERED:
        return note_demands(note, &s->note);
    default:
        return true;
    }
}

/* Of two filters without NOT neither forbids what the other demands. */
static bool overlaps_plainly(const search *s, uint32_t handle)
{
    uint64_t both = s->e->notes[handle].equal & s->note.equal;
    return s->relation == ME_OVERLAPPING && s->values == ME_VALUES_MANY &&
           (both & NOTE_PLAIN) != 0 &&
           ((s->e->notes[handle].equal | s->note.equal) & NOTE_NEVER) == 0;
}

/* From `*next` on, for one slice. */
static void sweep(search *s, uint32_t *next)
{
    bool notes = s->e->keeps_notes;
    uint32_t i = *next;
    s->ev->result_count = 0;
    for (; i < s->e->handle_count && !is_done(s) && s->spent < SLICE; i++, s->spent += 4) {
        if (s->e->sources[i] == NULL || (notes && !is_candidate(s, i))) {
            continue;
        }
        if ((notes && overlaps_plainly(s, i)) || is_related(s, i)) {
            add_handle(s, i);
        }
    }
    *next = i < s->e->handle_count && !is_done(s) ? i : UINT32_MAX;
}

/* ---- witnesses ------------------------------------------------------------------------------------------- */

typedef enum made { MADE, NOT_MADE, NO_MEMORY } made;

/* Subscriptions that match a witness. */
typedef struct found {
    uint32_t *handles;
    uint32_t count;
} found;

/* A value for one literal that is to be true. */
static made pick(search *s, const formula_leaf *leaf, bool large, me_value *v)
{
    if (leaf->op == OP_IS_NULL || leaf->op == OP_EXISTS) {
        *v = value_of_null();
        return MADE;
    }
    return leaf->op != OP_COMPUTE && value_set_member(&leaf->set, large, &s->arena, v) ? MADE
                                                                                       : NOT_MADE;
}

static bool put(search *s, uint32_t path, const me_value *v)
{
    const paths *p = &s->e->paths;
    return path >= p->count || p->nodes[path].uses == 0 || event_put(&s->ev->log, path, *v);
}

/* May the path have this value, for all that the term's literals forbid? */
static bool is_allowed(const formula *f, const term *t, uint32_t from, uint32_t to,
                       const me_value *v)
{
    for (uint32_t i = from; i < to; i++) {
        const formula_leaf *leaf = literal_leaf(f, t->literals[i]);
        if (literal_negated(t->literals[i]) &&
            (leaf->op == OP_EXISTS || v->type == ME_NULL ||
             (leaf->op != OP_IS_NULL && value_set_has(&leaf->set, v)))) {
            return false;
        }
    }
    return true;
}

/* The values of one path: one for each literal that is to be true, or else, when there are only
 * literals that are to be false, one that is in no set. Nothing for a path that may be missing. */
static made put_path(search *s, const term *t, uint32_t from, uint32_t to, bool large)
{
    const formula *f = &s->f;
    uint32_t path = literal_leaf(f, t->literals[from])->path;
    bool demanded = false, forbidden = false;
    for (uint32_t i = from; i < to; i++) {
        const formula_leaf *leaf = literal_leaf(f, t->literals[i]);
        me_value v;
        if (literal_negated(t->literals[i]) && leaf->op != OP_COMPUTE) {
            forbidden |= leaf->op != OP_EXISTS;
            continue;
        }
        if (leaf->op == OP_IS_NULL && to - from == 1) {
            continue;
        }
        if (pick(s, leaf, large, &v) != MADE || !is_allowed(f, t, from, to, &v)) {
            return NOT_MADE;
        }
        demanded = true;
        if (!put(s, path, &v)) {
            return NO_MEMORY;
        }
    }
    me_value nan = value_canonical(value_of_double((double)NAN));
    return demanded || !forbidden || put(s, path, &nan) ? MADE : NO_MEMORY;
}

static made put_term(search *s, const term *t, bool large)
{
    event_log_reset(&s->ev->log);
    made all = MADE;
    for (uint32_t from = 0, to; from < t->count && all == MADE; from = to) {
        uint32_t path = literal_leaf(&s->f, t->literals[from])->path;
        to = from + 1;
        while (to < t->count && literal_leaf(&s->f, t->literals[to])->path == path) {
            to++;
        }
        all = put_path(s, t, from, to, large);
    }
    return all;
}

/* Those of `handles` that stand in the relation, up to the limit, are the answer. */
static void answer(search *s, const found *c)
{
    s->ev->result_count = 0;
    for (uint32_t i = 0; i < c->count && !is_done(s); i++) {
        if (is_related(s, c->handles[i])) {
            add_handle(s, c->handles[i]);
        }
    }
}

/* The first `most` handles that match the witness in the log. */
static bool find(search *s, uint32_t most, found *out)
{
    me_event *ev = s->ev;
    if (match_event(s->e, ev, ME_ALL, most) != ME_OK) {
        return false;
    }
    out->count = ev->result_count;
    out->handles = arena_array(&s->arena, out->count, sizeof *out->handles);
    if (out->handles != NULL && out->count > 0) {
        memcpy(out->handles, ev->result, out->count * sizeof *out->handles);
    }
    return out->handles != NULL;
}

/* The handles that match the first witness, in the log; a few of them where they answer already. */
static bool find_first(search *s, found *out)
{
    if (s->limit < FEW) {
        if (!find(s, FEW, out)) {
            return false;
        }
        if (out->count < FEW) {
            return true;
        }
        answer(s, out);
        s->answered = is_done(s);
    }
    return s->answered || find(s, UINT32_MAX, out);
}

/* Keeps those that match the witness in the log. */
static bool sift(search *s, found *c)
{
    me_event *ev = s->ev;
    if (match_event(s->e, ev, ME_ALL, UINT32_MAX) != ME_OK ||
        !marks_begin(&ev->handles, &ev->log.heap, s->e->handle_count)) {
        return false;
    }
    for (uint32_t i = 0; i < ev->result_count; i++) {
        marks_set(&ev->handles, ev->result[i]);
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        if (marks_has(&ev->handles, c->handles[i])) {
            c->handles[kept++] = c->handles[i];
        }
    }
    c->count = kept;
    return true;
}

/* The subscriptions that match all witnesses; NOT_MADE when there is no witness. */
static made match_witnesses(search *s, found *out)
{
    me_counters before = s->ev->counters;
    made all = NOT_MADE;
    for (uint32_t i = 0; i < 2 * s->f.term_count && i < MOST_WITNESSES && !s->answered; i++) {
        made one = put_term(s, s->f.terms[i / 2], i % 2 != 0);
        bool first = all == NOT_MADE;
        if (one == NO_MEMORY || (one == MADE && !(first ? find_first(s, out) : sift(s, out)))) {
            s->failed = true;
            break;
        }
        all = one == MADE ? MADE : all;
        if (all == MADE && out->count == 0) {
            break;
        }
    }
    s->ev->counters = before; /* nobody has asked about an event */
    return all;
}

static void search_covering(search *s, uint32_t *next)
{
    found candidates = {0};
    /* A witness of terms that say less than the filter need not match it, nor what equals it. */
    bool sweeps = *next > 0 || s->left.cut;
    if ((sweeps || match_witnesses(s, &candidates) == NOT_MADE) && !s->failed) {
        sweep(s, next);
        return;
    }
    *next = UINT32_MAX;
    if (!s->answered) {
        answer(s, &candidates);
    }
}

/* ---- all ---------------------------------------------------------------------------------------------------- */

static bool begin(search *s, const uint8_t *filter, size_t length)
{
    arena_init(&s->arena, &s->heap);
    arena_init(&s->candidate, &s->heap);
    path_names_init(&s->names, &s->e->paths, &s->heap);
    if (!formula_read(filter, length, true, &s->names, &s->arena, &s->f) ||
        !expand(s, &s->f, &s->arena, &s->left) || !room_for(s, s->f.node_count)) {
        return false;
    }
    s->note = note_of_formula(&s->f, s->e->seed, s->left.cut);
    return true;
}

me_status me_engine_related(const me_engine *e, me_event *ev, me_relation relation,
                            me_values values, uint32_t limit, const uint8_t *filter, size_t length,
                            uint32_t *next, const uint32_t **result, uint32_t *count)
{
    search s = {.e = e, .ev = ev, .relation = relation, .limit = limit, .left = EFFORT_PAIR};
    s.values = relation == ME_OVERLAPPING ? values : ME_VALUES_MANY;
    s.failed = !begin(&s, filter, length);
    ev->result_count = 0;
    if (!s.failed && relation == ME_COVERING) {
        search_covering(&s, next);
    } else if (!s.failed) {
        sweep(&s, next);
    }
    heap_free(&s.heap, s.stack, s.stack_cap);
    path_names_free(&s.names);
    arena_free(&s.candidate);
    arena_free(&s.arena);
    *result = ev->result;
    *count = ev->result_count;
    return s.failed ? ME_NOMEM : ME_OK;
}
