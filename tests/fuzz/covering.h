/* covering.h - what me_engine_related answers, and what covering says of an event's matches.
 *
 * Nobody here decides what covers what: the answer about all subscriptions is held against the
 * answers about each pair, and those against events, by the definition. When f covers g, an event
 * that matches g matches f; two filters that match one event overlap, for all `values` that the event
 * allows.
 */
#ifndef MATCHENGINE_FUZZ_COVERING_H
#define MATCHENGINE_FUZZ_COVERING_H

#include "grammar.h"

#define MATCHED_PAIRS 12u

typedef struct subscription {
    bool live;
    uint32_t handle, destination;
    uint8_t *filter;
    size_t length;
} subscription;

/* What me_engine_related has been asked. Where an allocation may have failed, a pattern that could
 * not be compiled is one of which nothing is known: fewer coverings, more overlaps. */
typedef struct question {
    me_relation relation;
    me_values values;
    bool may_fail;
    uint32_t limit;
    const uint8_t *filter;
    size_t length;
} question;

static inline bool covers(const uint8_t *f, size_t f_length, const uint8_t *g, size_t g_length)
{
    bool covered = false;
    MUST(me_filter_covers(f, f_length, g, g_length, &covered) == ME_OK);
    return covered;
}

static inline bool is_related(const question *q, const subscription *one)
{
    const uint8_t *f = q->filter, *g = one->filter;
    bool overlaps = false;
    if (q->relation != ME_OVERLAPPING) {
        bool covering = q->relation == ME_COVERING;
        return covering ? covers(g, one->length, f, q->length)
                        : covers(f, q->length, g, one->length);
    }
    MUST(me_filter_overlaps(f, q->length, g, one->length, q->values, &overlaps) == ME_OK);
    return overlaps;
}

/* Exactly those that the pairs say, each once; or as many of them as were asked for. */
static inline void check_related(const subscription *subs, uint32_t places, const question *q,
                                 const uint32_t *found, uint32_t count)
{
    uint32_t all = 0, right = 0;
    for (uint32_t i = 0; i < places; i++) {
        uint32_t times = 0;
        for (uint32_t k = 0; subs[i].live && k < count; k++) {
            times += found[k] == subs[i].handle;
        }
        bool related = subs[i].live && is_related(q, &subs[i]);
        MUST(times <= related || (q->may_fail && times == 1 && q->relation == ME_OVERLAPPING));
        all += related;
        right += times;
    }
    uint32_t expected = all < q->limit ? all : q->limit;
    MUST(right == count && count <= q->limit);
    MUST(q->may_fail ? (q->relation == ME_OVERLAPPING ? count >= expected : count <= expected)
                     : count == expected);
}

static inline bool mentions(const subscription *s, const seen *one)
{
    filter_reader r = {.at = s->filter, .end = s->filter + s->length, .named = true};
    filter_node n;
    bool found = false;
    while (!found && filter_next(&r, &n)) {
        if (n.op == OP_COMPUTE) {
            expression_reader code = expression_of(&n, true);
            expression_item item;
            while (!found && expression_next(&code, &item)) {
                found = item.op == EXPRESSION_PATH && has_path(one, item.path, item.path_length);
            }
        } else if (filter_op_is_leaf(n.op)) {
            found = has_path(one, n.path, n.path_length);
        }
    }
    return found;
}

/* Has the event several values at a path; at one of both filters, if there are any? */
static inline bool has_several(const occasion *event, const subscription *f, const subscription *g)
{
    for (uint32_t i = 0; i < event->count; i++) {
        const seen *one = &event->at[i];
        for (uint32_t k = 0; k < i; k++) {
            if (has_path(&event->at[k], one->path, one->path_length) &&
                (f == NULL || (mentions(f, one) && mentions(g, one)))) {
                return true;
            }
        }
    }
    return false;
}

/* One that matched, f, and one that did or did not, g. */
static inline void check_pair(const subscription *f, const subscription *g, bool matched,
                              const occasion *event)
{
    const bool allows[] = {
        [ME_VALUES_MANY] = true,
        [ME_VALUES_ONE] = !has_several(event, NULL, NULL),
        [ME_VALUES_ONE_SHARED] = !has_several(event, f, g),
    };
    bool says = false;
    if (!matched) {
        MUST(me_filter_covers(g->filter, g->length, f->filter, f->length, &says) == ME_OK);
        MUST(!says);
        return;
    }
    for (me_values values = ME_VALUES_MANY; values <= ME_VALUES_ONE_SHARED; values++) {
        MUST(me_filter_overlaps(f->filter, f->length, g->filter, g->length, values, &says) ==
             ME_OK);
        MUST(says || !allows[values]);
    }
}

/* Some pairs, of which the first one has matched. */
static inline void check_matched(const subscription *subs, uint32_t places, const uint32_t *found,
                                 uint32_t count, const occasion *event, uint32_t *dice)
{
    for (uint32_t pair = 0; count > 0 && pair < MATCHED_PAIRS; pair++) {
        const subscription *f = NULL, *g = NULL;
        *dice = *dice * 1103515245u + 12345u;
        uint32_t wanted = found[(*dice >> 16) % count], other = (*dice >> 8) % places;
        for (uint32_t i = 0; i < places; i++) {
            const subscription *here = &subs[(other + i) % places];
            g = g == NULL && here->live ? here : g;
            f = here->live && here->handle == wanted ? here : f;
        }
        bool matched = false;
        for (uint32_t k = 0; k < count; k++) {
            matched = matched || found[k] == g->handle;
        }
        check_pair(f, g, matched, event);
    }
}

#endif
