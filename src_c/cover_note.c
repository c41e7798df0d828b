#include "cover_note.h"

#include "hash.h"

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

static bool is_plain(const formula *f)
{
    for (uint32_t i = 0; i < f->node_count; i++) {
        if (f->nodes[i].op == OP_NOT || f->nodes[i].op == OP_IS_NULL) {
            return false;
        }
    }
    return true;
}

cover_note note_of_formula(const formula *f, uint64_t seed, bool cut)
{
    cover_note note = {.present = UINT64_MAX, .equal = (UINT64_C(1) << NOTE_BITS) - 1};
    for (uint32_t i = 0; i < f->term_count; i++) {
        cover_note one = note_of_term(f, f->terms[i], seed);
        note.present &= one.present;
        note.equal &= one.equal;
    }
    note.equal |= f->term_count == 0 ? NOTE_NEVER : 0;
    note.equal |= is_plain(f) ? NOTE_PLAIN : 0;
    note.equal |= cut ? NOTE_CUT : 0;
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
