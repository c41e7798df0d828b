#include "cover_note.h"

#include <string.h>

#include "hash.h"
#include "value_cut.h"

static uint64_t present_bit(uint32_t path)
{
    return UINT64_C(1) << path % 64;
}

/* Two bits tell more values apart than one. */
static uint64_t equal_bits(const formula_leaf *leaf, uint64_t seed)
{
    uint64_t hash = value_hash(leaf->set.members, seed + leaf->path * HASH_K1);
    return UINT64_C(1) << hash % NOTE_BITS | UINT64_C(1) << (hash >> 32) % NOTE_BITS;
}

static cover_note note_of_term(const formula *f, const term *t, uint64_t seed)
{
    cover_note note = {0};
    for (uint32_t i = 0; i < t->count; i++) {
        const formula_leaf *leaf = literal_leaf(f, t->literals[i]);
        bool negated = literal_negated(t->literals[i]);
        if (negated ? leaf->op != OP_EXISTS : leaf->op != OP_IS_NULL) {
            note.present |= present_bit(leaf->path);
        }
        if (!negated && leaf->set.kind == SET_FINITE && leaf->set.count == 1) {
            note.equal |= equal_bits(leaf, seed);
        }
    }
    return note;
}

/* ---- spans ---------------------------------------------------------------------------------------- */

/* A number's place in the order of floats. False for what is no number, or has too many digits. */
static bool rank_of(const me_value *v, int32_t *rank)
{
    if (v->type != ME_INT && v->type != ME_DOUBLE) {
        return false;
    }
    float x = (float)(v->type == ME_INT ? (double)v->as.i : v->as.d) + 0.0f; /* no -0 */
    memcpy(rank, &x, sizeof x);
    *rank = *rank < 0 ? INT32_MIN - *rank : *rank;
    return true;
}

/* The numbers that satisfy all literals of one path, each alone, if they are a span. */
static bool span_of(const formula *f, const literal *literals, uint32_t count, note_span *out)
{
    const value_set *first = &literal_leaf(f, literals[0])->set;
    if (first->kind == SET_FINITE && first->count == 1) {
        return count == 1 && rank_of(first->members, &out->low) &&
               rank_of(first->members, &out->high);
    }
    const cut *low = &first->low, *high = &first->high;
    for (uint32_t i = 0; i < count; i++) {
        const value_set *set = &literal_leaf(f, literals[i])->set;
        if (set->kind != SET_SPAN) {
            return false;
        }
        low = cut_order(&set->low, low) > 0 ? &set->low : low;
        high = cut_order(&set->high, high) < 0 ? &set->high : high;
    }
    return low->side != CUT_END && high->side != CUT_END && cut_order(low, high) < 0 &&
           rank_of(&low->value, &out->low) && rank_of(&high->value, &out->high);
}

/* Can every literal be true, whatever the others are? */
static bool is_plain_term(const formula *f, const term *t)
{
    for (uint32_t i = 0; i < t->count; i++) {
        const formula_leaf *leaf = literal_leaf(f, t->literals[i]);
        if (literal_negated(t->literals[i]) || leaf->op == OP_IS_NULL || leaf->op == OP_COMPUTE ||
            leaf->set.kind == SET_EMPTY || leaf->set.kind == SET_PATTERN) {
            return false;
        }
    }
    return true;
}

/* Literals of one path stand together. */
static void note_spans(const formula *f, const term *t, cover_note *note)
{
    uint32_t taken = 0;
    for (uint32_t from = 0, to; from < t->count && taken < NOTE_SPANS; from = to) {
        uint32_t path = literal_leaf(f, t->literals[from])->path;
        for (to = from + 1; to < t->count && literal_leaf(f, t->literals[to])->path == path;) {
            to++;
        }
        if (span_of(f, t->literals + from, to - from, &note->spans[taken])) {
            note->spans[taken++].path_plus_1 = path + 1;
        }
    }
    if (taken < NOTE_SPANS) {
        note->spans[taken] = (note_span){0};
    }
}

/* ---- the whole ------------------------------------------------------------------------------------ */

static bool is_plain(const formula *f)
{
    for (uint32_t i = 0; i < f->node_count; i++) {
        if (f->nodes[i].op == OP_NOT || f->nodes[i].op == OP_IS_NULL) {
            return false;
        }
    }
    return true;
}

cover_note note_of_formula(const formula *f, uint64_t seed, bool shortened)
{
    cover_note note = {.present = UINT64_MAX, .equal = (UINT64_C(1) << NOTE_BITS) - 1};
    for (uint32_t i = 0; i < f->term_count; i++) {
        cover_note one = note_of_term(f, f->terms[i], seed);
        note.present &= one.present;
        note.equal &= one.equal;
    }
    if (f->term_count == 1 && is_plain_term(f, f->terms[0])) {
        note_spans(f, f->terms[0], &note);
    }
    note.equal |= f->term_count == 0 ? NOTE_NEVER : 0;
    note.equal |= is_plain(f) ? NOTE_PLAIN : 0;
    note.equal |= shortened ? NOTE_CUT : 0;
    return note;
}

bool note_of_stored(const me_engine *e, const uint8_t *bytes, size_t length, cover_note *out)
{
    heap h = {0};
    arena a;
    formula f;
    effort left = EFFORT_NOTE;
    arena_init(&a, &h);
    bool done =
        formula_read(bytes, length, false, NULL, &a, &f) && formula_expand(&f, &a, false, &left);
    if (done) {
        *out = note_of_formula(&f, e->seed, left.cut);
    }
    arena_free(&a);
    return done;
}

static bool make_notes(const me_engine *e, cover_note *notes)
{
    for (uint32_t i = 0; i < e->handle_count; i++) {
        const uint8_t *filter;
        size_t length;
        notes[i] = (cover_note){0};
        if (e->sources[i] != NULL) {
            source_size(e->sources[i], &filter, &length);
            if (!note_of_stored(e, filter, length, &notes[i])) {
                return false;
            }
        }
    }
    return true;
}

/* The notes are the engine's only when they are complete: a fork in between, by a thread that runs
 * meanwhile, leaves the child without them. */
me_status me_engine_keep_notes(me_engine *e)
{
    heap *h = &e->parts[ME_HANDLES];
    uint32_t cap = 0;
    cover_note *notes = NULL;
    if (e->keeps_notes) {
        return ME_OK;
    }
    if (!heap_reserve(h, &notes, &cap, e->handle_count > 0 ? e->handle_count : 1, sizeof *notes)) {
        return ME_NOMEM;
    }
    if (!make_notes(e, notes)) {
        heap_free(h, notes, cap * sizeof *notes);
        return ME_NOMEM;
    }
    e->notes = notes;
    e->notes_cap = cap;
    e->keeps_notes = true;
    return ME_OK;
}

bool me_engine_keeps_notes(const me_engine *e)
{
    return e->keeps_notes;
}
