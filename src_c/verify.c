/* verify.c - the residual tests of a candidate, on the event's codes and labels. */
#include "scratch.h"

static bool in_interval(const test *t, uint32_t x)
{
    return x - t->lo <= t->width;
}

/* One value with code (or label) x; never MANY. */
static bool value_satisfies(const me_engine *e, const test *t, test_kind kind, uint32_t x)
{
    switch (kind) {
    case T_INTERVAL:
    case F_INTERVAL:
        return in_interval(t, x);
    case T_OTHER:
    case F_OTHER:
        return code_is_other(x, t->lo);
    default:
        return code_set_has(pool_block(&e->sets, t->lo), x);
    }
}

/* Several values: true when one satisfies the leaf, false when none does and none is null. */
static bool holds_for_many(const me_engine *e, me_event *ev, const test *t, test_kind kind)
{
    bool wants_true = (kind & 1) == 0;
    bool labels = (test_slot(t) & 1) != 0, some = false, null = false;
    for (uint32_t i = ev->table[slot_newest(test_path(t))]; i != UINT32_MAX && !some;
         i = ev->log.entries[i].next) {
        some = value_satisfies(e, t, kind, labels ? label_of_entry(e, ev, i) : ev->codes[i]);
        null |= ev->codes[i] == CODE_NULL;
    }
    return wants_true ? some : !some && !null;
}

static bool any_null(const me_event *ev, uint32_t path)
{
    for (uint32_t i = ev->table[slot_newest(path)]; i != UINT32_MAX; i = ev->log.entries[i].next) {
        if (ev->codes[i] == CODE_NULL) {
            return true;
        }
    }
    return false;
}

/* Tries a pattern that no search has tried on the strings of its path, once for an event. */
static bool try_pattern(const me_engine *e, me_event *ev, const test *t)
{
    uint32_t path = test_path(t);
    if (ev->table[slot_code(path)] == CODE_MISSING || marks_has(&ev->tried, t->lo)) {
        return false;
    }
    marks_set(&ev->tried, t->lo);
    for (uint32_t i = ev->table[slot_newest(path)]; i != UINT32_MAX; i = ev->log.entries[i].next) {
        const me_value *v = &ev->log.entries[i].value;
        if (v->type == ME_STRING &&
            string_index_try(e->infos[path].patterns, t->lo, v->as.s, v->len, &ev->hits)) {
            marks_set(&ev->patterns, t->lo);
            return true;
        }
    }
    return false;
}

static bool pattern_holds(const me_engine *e, me_event *ev, const test *t, test_kind kind)
{
    const pattern *p = &e->patterns[t->lo];
    bool fired = marks_has(&ev->patterns, t->lo) ||
                 (p->everywhere && p->cluster == CLUSTER_NONE && try_pattern(e, ev, t));
    if (kind == T_PATTERN) {
        return fired;
    }
    uint32_t x = ev->table[test_slot(t)];
    if (x == CODE_MANY) {
        return !fired && !any_null(ev, test_path(t));
    }
    return x > CODE_NULL && !fired;
}

bool test_holds(const me_engine *e, me_event *ev, const test *t)
{
    test_kind kind = test_kind_of(t);
    if (kind >= T_COMPUTE) {
        return evaluate(e, ev, t->lo) == (kind == T_COMPUTE ? ME_TRUE : ME_FALSE);
    }
    if (kind >= T_PATTERN) {
        return pattern_holds(e, ev, t, kind);
    }
    uint32_t x = ev->table[test_slot(t)];
    if (x == CODE_MANY) {
        return holds_for_many(e, ev, t, kind);
    }
    if (x == LABEL_LAZY) {
        x = label_of_entry(e, ev, ev->table[slot_newest(test_path(t))]);
    }
    bool satisfied = value_satisfies(e, t, kind, x);
    return (kind & 1) == 0 ? satisfied : x > CODE_NULL && !satisfied;
}

static bool program_holds(const me_engine *e, me_event *ev, const program *p)
{
    uint32_t at = 0;
    do {
        const instruction *in = &p->code[at];
        at = test_holds(e, ev, &in->test) ? in->on_true : in->on_false;
    } while (at < p->count);
    return at == PROGRAM_TRUE;
}

bool verify_body(const me_engine *e, me_event *ev, uint32_t body)
{
    if (body == BODY_NONE) {
        return true;
    }
    const test *t = body_tests(&e->bodies, body);
    for (uint32_t left = body_size(body); left > 0; left--, t++) {
        uint32_t x = ev->table[test_slot(t)];
        if (t->what >> 28 == T_INTERVAL && x < LABEL_LAZY) {
            if (!in_interval(t, x)) {
                return false;
            }
        } else if (test_kind_of(t) == T_PROGRAM) {
            if (!program_holds(e, ev, pool_block(&e->programs, t->lo))) {
                return false;
            }
        } else if (!test_holds(e, ev, t)) {
            return false;
        }
    }
    return true;
}
