#include <string.h>

#include "hash.h"
#include "needles.h"

#define PATIENCE 48u /* nodes before a walk counts as long */
#define HOP_BYTES 64u

/* One walk. */
typedef struct walk {
    const char *text;
    size_t length;
    needle_set set; /* where it is */
    size_t known;   /* bytes that agree with every key below */
    bool settled;   /* so is every key hit since this was set to true */
    needle_hit *hit;
    void *context;
} walk;

/* Do bytes [w->known, to) of the key agree with those of the text? */
static inline bool agree(const walk *w, const needle *n, size_t to, bool backward)
{
    if (to > w->length) {
        return false;
    }
    const char *key = backward ? n->bytes + n->length - to : n->bytes + n->start + w->known;
    const char *text = backward ? w->text + w->length - to : w->text + w->known;
    size_t count = to - w->known;
    if (count == 1) { /* nested keys differ by a byte, and cost enough without a call */
        return *key == *text;
    }
    return memcmp(key, text, count) == 0;
}

/* Passes the node where the walk is. False: no key below agrees with the text. */
static inline bool step(walk *w, bool backward)
{
    const needle_node *node = &needle_of(w->set)->node;
    size_t at = node->byte;
    if (node->rank != 0) {
        if (at >= w->length) {
            return false;
        }
        unsigned c = (unsigned char)w->text[backward ? w->length - 1 - at : at];
        w->set = node->child[c >> (8 - node->rank) & 1u];
        return true;
    }
    const needle *first = needle_of(node->child[0]); /* its key ends here */
    if (!agree(w, first, at, backward)) {
        return false;
    }
    w->known = at;
    w->settled = w->hit(w->context, first) && w->settled;
    w->set = node->child[1];
    return true;
}

/* The key to which the walk has led. */
static inline void finish(walk *w, bool backward)
{
    const needle *first = needle_of(w->set);
    if (agree(w, first, first->length - first->start, backward)) {
        w->hit(w->context, first);
    }
}

static needle_hop *slot_of(needle_trail trail, needle_set from, const char *bytes)
{
    uint64_t hash = from * HASH_K2;
    for (uint32_t i = 0; i < HOP_BYTES; i += 16) {
        hash = hash_fold(hash ^ load64(bytes + i), load64(bytes + i + 8) ^ HASH_K1);
    }
    return &trail.hops[hash & (NEEDLE_HOPS - 1)];
}

/* Is the walk, which is at a node, short of the next stop? */
static inline bool before(const walk *w, size_t stop)
{
    return needle_is_node(w->set) && needle_of(w->set)->node.byte < stop;
}

/* Goes on with a long walk. It stops at the first node of every 64 bytes; there, it takes the hop
 * to the next stop if there is one for the bytes ahead, and else makes one on its way. What happens
 * between two stops depends on these bytes only, and has happened before when every key hit there
 * is settled. */
static void walk_on(walk *w, needle_trail trail)
{
    size_t stop = 0;
    needle_hop *slot = NULL, made = {0}; /* the hop being made, and where it belongs */
    for (;;) {
        while (before(w, stop)) {
            if (!step(w, false)) {
                w->set = 0;
            }
        }
        if (slot != NULL && w->settled) {
            made.to = w->set;
            made.known = w->known;
            *slot = made;
        }
        slot = NULL;
        if (!needle_is_node(w->set)) {
            break;
        }
        const needle *below = needle_of(w->set); /* a key that goes this way */
        size_t at = below->node.byte;
        if (!agree(w, below, at, false)) {
            return;
        }
        w->known = at;
        stop = SIZE_MAX;
        if (w->length - at < HOP_BYTES) {
            continue;
        }
        slot = slot_of(trail, w->set, w->text + at);
        if (slot->epoch == trail.epoch && slot->from == w->set &&
            memcmp(slot->bytes, w->text + at, HOP_BYTES) == 0) {
            w->set = slot->to;
            w->known = slot->known;
            stop = 0;
            slot = NULL;
            continue;
        }
        made = (needle_hop){.from = w->set, .bytes = w->text + at, .epoch = trail.epoch};
        stop = at + HOP_BYTES;
        w->settled = true;
    }
    if (w->set != 0) {
        finish(w, false);
    }
}

bool needles_walk(needle_set set, const char *text, size_t length, size_t known, needle_trail trail,
                  needle_hit *hit, void *context)
{
    if (set == 0) {
        return false;
    }
    walk w = {text, length, set, known, true, hit, context};
    uint32_t steps = 0;
    for (; needle_is_node(w.set); steps++) {
        if (steps == PATIENCE && trail.hops != NULL) {
            walk_on(&w, trail);
            return true;
        }
        if (!step(&w, false)) {
            return steps >= PATIENCE;
        }
    }
    finish(&w, false);
    return steps >= PATIENCE;
}

void needles_walk_backward(needle_set set, const char *text, size_t length, needle_hit *hit,
                           void *context)
{
    if (set == 0) {
        return;
    }
    walk w = {text, length, set, 0, true, hit, context};
    while (needle_is_node(w.set)) {
        if (!step(&w, true)) {
            return;
        }
    }
    finish(&w, true);
}
