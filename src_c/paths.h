/* paths.h - the attribute paths that subscriptions use, as a trie of segments.
 *
 * The path `a.b` is the node reached from the root by the segments "a" and "b"; a node's number
 * is the path's number everywhere in the engine. Walking an event follows edges from the root, and
 * leaves the trie at the first key that no subscription mentions.
 *
 *     root 0 --"symbol"--> 1
 *            --"geo"-----> 2 --"lat"--> 3          2 exists only as a way to 3
 *
 * A key that holds dots, {"geo.lat": 1}, is the same path in another spelling: paths_step walks
 * its segments. Edges live in one open-addressing table keyed by (parent, segment).
 *
 * Invariants, checked by paths_validate:
 *   I1  every node but the root has uses or children, and its parent is in use
 *   I2  every node but the root is found by paths_child(parent, segment), and there is no edge more
 *   I3  a tag's home slot is tag & edge_mask, and no slot between home and the edge is empty
 */
#ifndef MATCHENGINE_PATHS_H
#define MATCHENGINE_PATHS_H

#include "hash.h"
#include "heap.h"

#define PATH_ROOT 0u
#define PATH_NONE UINT32_MAX

/* Half a cache line. A segment of at most HASH_SHORT bytes is kept as the two words that compare
 * it (hash.h), so that a step reads a slot and a node and nothing else. */
typedef struct path_node {
    union {
        hash_pair words;
        char *bytes; /* longer segments: owned */
    } segment;
    uint32_t length;   /* of the segment; PATH_FREE for a free number */
    uint32_t parent;   /* next free number in the free list when free */
    uint32_t children; /* edges that leave it */
    uint32_t uses;     /* references by predicates, counted by paths_intern / paths_release */
} path_node;

#define PATH_FREE UINT32_MAX

typedef struct paths {
    heap *heap;
    path_node *nodes;
    uint32_t count;     /* numbers ever given, free ones included */
    uint32_t cap;       /* room in nodes */
    uint32_t free_head; /* first free number, PATH_NONE when there is none */
    uint32_t live;      /* nodes in use, the root included */
    uint64_t *edges;    /* slots: hash tag in the high half, child number + 1 in the low; 0 empty */
    uint32_t edge_mask; /* slots - 1 */
    uint64_t seed;
    uint64_t version; /* of the answers: a new one whenever a path is taken into use or let go */
} paths;

bool paths_init(paths *p, heap *h, uint64_t seed);
void paths_free(paths *p);

/* The child of `node` along one segment, or PATH_NONE. */
uint32_t paths_child(const paths *p, uint32_t node, const char *segment, size_t length);

/* paths_step for keys that are long or hold dots. */
uint32_t paths_step_far(const paths *p, uint32_t node, const char *key, size_t length);

/* The seed of the edges that leave `node`; the table probes by the low half of the hash. */
static inline uint64_t paths_edge_seed(const paths *p, uint32_t node)
{
    return p->seed + node * HASH_K2;
}

/* A key on its way through the trie, in three steps that can each be done for many keys before the
 * next, so that their cache misses overlap. */
typedef struct path_query {
    const char *key;
    uint32_t length;
    uint32_t node; /* where the step starts */
    uint32_t tag;  /* of a short key without dots */
    bool is_far;   /* long or dotted: resolved at the end by paths_step_far */
} path_query;

static inline path_query paths_ask(const paths *p, uint32_t node, const char *key, size_t length)
{
    path_query q = {key, (uint32_t)length, node, 0, true};
    if (length <= HASH_SHORT) {
        hash_pair w = hash_words(key, length);
        q.is_far = hash_has_byte(w.first, '.') || hash_has_byte(w.last, '.');
        q.tag = (uint32_t)hash_short(w, length, paths_edge_seed(p, node));
    }
    return q;
}

/* The slot to prefetch after paths_ask. */
static inline const void *paths_slot(const paths *p, const path_query *q)
{
    return &p->edges[q->tag & p->edge_mask];
}

/* The node to prefetch after the slot: the one the query most likely ends at, or PATH_NONE. */
static inline uint32_t paths_guess(const paths *p, const path_query *q)
{
    for (uint32_t slot = q->tag & p->edge_mask;; slot = (slot + 1) & p->edge_mask) {
        uint64_t edge = p->edges[slot];
        if (edge == 0 || edge >> 32 == q->tag) {
            return (uint32_t)edge - 1;
        }
    }
}

static inline bool paths_is_child(const path_node *n, uint32_t parent, hash_pair w, size_t length)
{
    return n->length == length && n->parent == parent && n->segment.words.first == w.first &&
           n->segment.words.last == w.last;
}

/* The node a query leads to, PATH_NONE when it leaves the trie. */
static inline uint32_t paths_answer(const paths *p, const path_query *q)
{
    if (q->is_far) {
        return paths_step_far(p, q->node, q->key, q->length);
    }
    hash_pair w = hash_words(q->key, q->length);
    for (uint32_t slot = q->tag & p->edge_mask;; slot = (slot + 1) & p->edge_mask) {
        uint64_t edge = p->edges[slot];
        if (edge == 0) {
            return PATH_NONE;
        }
        if (edge >> 32 == q->tag &&
            paths_is_child(&p->nodes[(uint32_t)edge - 1], q->node, w, q->length)) {
            return (uint32_t)edge - 1;
        }
    }
}

/* The node reached from `node` by a key, whose dots separate segments; PATH_NONE when it leaves
 * the trie. Cost: one probe for a key without dots. */
static inline uint32_t paths_step(const paths *p, uint32_t node, const char *key, size_t length)
{
    path_query q = paths_ask(p, node, key, length);
    return paths_answer(p, &q);
}

/* The number of the path `name`, made when it is new; adds one use. PATH_NONE: no memory, and
 * nothing changed. */
uint32_t paths_intern(paths *p, const char *name, size_t length);

/* Takes one use away; a node without uses and children goes, and so on upwards. Never fails. */
void paths_release(paths *p, uint32_t node);

/* Length of the dotted name; writes it to `out` when `out` has room (pass NULL, 0 to measure). */
size_t paths_name(const paths *p, uint32_t node, char *out, size_t room);

bool paths_validate(const paths *p, const char **why);

#endif
