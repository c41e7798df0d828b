#include "paths.h"

#include "require.h"
#include "value.h"

#define FEWEST_SLOTS 16u

bool paths_init(paths *p, heap *h, uint64_t seed)
{
    *p = (paths){.heap = h,
                 .free_head = PATH_NONE,
                 .seed = seed,
                 .edge_mask = FEWEST_SLOTS - 1,
                 .version = 1};
    p->edges = heap_zalloc(h, FEWEST_SLOTS * sizeof *p->edges);
    if (p->edges == NULL || !heap_reserve(h, &p->nodes, &p->cap, 1, sizeof *p->nodes)) {
        heap_free(h, p->edges, FEWEST_SLOTS * sizeof *p->edges);
        p->edges = NULL;
        return false;
    }
    p->nodes[PATH_ROOT] = (path_node){.parent = PATH_NONE};
    p->count = p->live = 1;
    return true;
}

static bool is_free(const path_node *n)
{
    return n->length == PATH_FREE;
}

/* The bytes of a node's segment; short ones are written to `room` first. */
static const char *segment_of(const path_node *n, char room[HASH_SHORT])
{
    if (n->length > HASH_SHORT) {
        return n->segment.bytes;
    }
    hash_unwords(n->segment.words, room, n->length);
    return room;
}

static void free_segment(paths *p, uint32_t node)
{
    path_node *n = &p->nodes[node];
    if (n->length > HASH_SHORT) {
        heap_free(p->heap, n->segment.bytes, n->length);
    }
    n->length = PATH_FREE;
}

static size_t edge_bytes(const paths *p)
{
    return ((size_t)p->edge_mask + 1) * sizeof *p->edges;
}

void paths_free(paths *p)
{
    for (uint32_t i = 1; i < p->count; i++) {
        if (!is_free(&p->nodes[i])) {
            free_segment(p, i);
        }
    }
    heap_free(p->heap, p->nodes, p->cap * sizeof *p->nodes);
    heap_free(p->heap, p->edges, edge_bytes(p));
    p->nodes = NULL;
    p->edges = NULL;
    p->count = p->cap = p->live = 0;
}

/* ---- edges ---------------------------------------------------------------------------------- */

static uint32_t edge_tag(const paths *p, uint32_t node, const char *segment, size_t length)
{
    return (uint32_t)hash_bytes(segment, length, paths_edge_seed(p, node));
}

static uint32_t node_tag(const paths *p, const path_node *n)
{
    char room[HASH_SHORT];
    return edge_tag(p, n->parent, segment_of(n, room), n->length);
}

static void edge_put(uint64_t *edges, uint32_t mask, uint64_t edge)
{
    uint32_t slot = (uint32_t)(edge >> 32) & mask;
    while (edges[slot] != 0) {
        slot = (slot + 1) & mask;
    }
    edges[slot] = edge;
}

static bool edges_resize(paths *p, uint64_t slots)
{
    if (slots > UINT64_C(1) << 31) {
        return false;
    }
    uint64_t *edges = heap_zalloc(p->heap, (size_t)slots * sizeof *edges);
    if (edges == NULL) {
        return false;
    }
    for (size_t i = 0; i <= p->edge_mask; i++) {
        if (p->edges[i] != 0) {
            edge_put(edges, (uint32_t)slots - 1, p->edges[i]);
        }
    }
    heap_free(p->heap, p->edges, edge_bytes(p));
    p->edges = edges;
    p->edge_mask = (uint32_t)slots - 1;
    return true;
}

/* Room for one more edge at a load of at most 60%. */
static bool edges_reserve(paths *p)
{
    uint64_t slots = (uint64_t)p->edge_mask + 1;
    return (uint64_t)p->live * 5 <= slots * 3 || edges_resize(p, slots * 2);
}

/* Backward-shift deletion: the gap is filled by the next edge whose home is not after the gap, so
 * no edge is ever cut off from its home and there are no tombstones. */
static void edge_remove(paths *p, uint32_t child)
{
    const path_node *n = &p->nodes[child];
    uint32_t mask = p->edge_mask;
    uint32_t gap = node_tag(p, n) & mask;
    while ((uint32_t)p->edges[gap] != child + 1) {
        gap = (gap + 1) & mask;
    }
    for (uint32_t slot = (gap + 1) & mask; p->edges[slot] != 0; slot = (slot + 1) & mask) {
        uint32_t home = (uint32_t)(p->edges[slot] >> 32) & mask;
        if (((slot - home) & mask) >= ((slot - gap) & mask)) {
            p->edges[gap] = p->edges[slot];
            gap = slot;
        }
    }
    p->edges[gap] = 0;
}

uint32_t paths_child(const paths *p, uint32_t node, const char *segment, size_t length)
{
    uint32_t tag = edge_tag(p, node, segment, length);
    for (uint32_t slot = tag & p->edge_mask; p->edges[slot] != 0;
         slot = (slot + 1) & p->edge_mask) {
        if (p->edges[slot] >> 32 != tag) {
            continue;
        }
        uint32_t child = (uint32_t)p->edges[slot] - 1;
        const path_node *n = &p->nodes[child];
        char room[HASH_SHORT];
        if (n->parent == node && n->length == length &&
            (length == 0 || memcmp(segment_of(n, room), segment, length) == 0)) {
            return child;
        }
    }
    return PATH_NONE;
}

/* ---- names ---------------------------------------------------------------------------------- */

/* The length of the first segment of `name`. */
static size_t segment_length(const char *name, size_t length)
{
    const char *dot = length > 0 ? memchr(name, '.', length) : NULL;
    return dot != NULL ? (size_t)(dot - name) : length;
}

uint32_t paths_step_far(const paths *p, uint32_t node, const char *key, size_t length)
{
    for (;;) {
        size_t segment = segment_length(key, length);
        node = paths_child(p, node, key, segment);
        if (node == PATH_NONE || segment == length) {
            return node;
        }
        key += segment + 1;
        length -= segment + 1;
    }
}

/* Makes the edge `parent` --segment--> new node. PATH_NONE, nothing changed: no memory. */
static uint32_t add_child(paths *p, uint32_t parent, const char *segment, size_t length)
{
    bool fresh = p->free_head == PATH_NONE;
    if (length >= PATH_FREE || (fresh && p->count == PATH_NONE - 1) || !edges_reserve(p) ||
        (fresh && !heap_reserve(p->heap, &p->nodes, &p->cap, p->count + 1, sizeof *p->nodes))) {
        return PATH_NONE;
    }
    path_node added = {.length = (uint32_t)length, .parent = parent};
    if (length > HASH_SHORT) {
        added.segment.bytes = heap_alloc(p->heap, length);
        if (added.segment.bytes == NULL) {
            return PATH_NONE;
        }
        memcpy(added.segment.bytes, segment, length);
    } else {
        added.segment.words = hash_words(segment, length);
    }
    uint32_t child = fresh ? p->count++ : p->free_head;
    if (!fresh) {
        p->free_head = p->nodes[child].parent;
    }
    p->nodes[child] = added;
    uint64_t tag = edge_tag(p, parent, segment, length);
    edge_put(p->edges, p->edge_mask, tag << 32 | ((uint64_t)child + 1));
    p->nodes[parent].children++;
    p->live++;
    return child;
}

/* Drops `node` if nothing needs it, then its parent, and so on up. */
static void prune(paths *p, uint32_t node)
{
    while (node != PATH_ROOT && p->nodes[node].uses == 0 && p->nodes[node].children == 0) {
        uint32_t parent = p->nodes[node].parent;
        edge_remove(p, node);
        free_segment(p, node);
        p->nodes[node].parent = p->free_head;
        p->free_head = node;
        p->nodes[parent].children--;
        p->live--;
        node = parent;
    }
    uint64_t slots = (uint64_t)p->edge_mask + 1;
    if (slots > FEWEST_SLOTS && (uint64_t)p->live * 8 < slots) {
        (void)edges_resize(p, slots / 2); /* a larger table than needed is no failure */
    }
}

static void use(paths *p, uint32_t node)
{
    p->version += p->nodes[node].uses++ == 0;
}

uint32_t paths_intern(paths *p, const char *name, size_t length)
{
    uint32_t node = PATH_ROOT;
    for (;;) {
        size_t segment = segment_length(name, length);
        uint32_t child = paths_child(p, node, name, segment);
        if (child == PATH_NONE) {
            child = add_child(p, node, name, segment);
        }
        if (child == PATH_NONE) {
            prune(p, node);
            return PATH_NONE;
        }
        node = child;
        if (segment == length) {
            use(p, node);
            return node;
        }
        name += segment + 1;
        length -= segment + 1;
    }
}

void paths_release(paths *p, uint32_t node)
{
    p->version += --p->nodes[node].uses == 0;
    prune(p, node);
}

size_t paths_name(const paths *p, uint32_t node, char *out, size_t room)
{
    size_t length = 0;
    for (uint32_t n = node; n != PATH_ROOT; n = p->nodes[n].parent) {
        length += p->nodes[n].length + (p->nodes[n].parent != PATH_ROOT);
    }
    if (length > room || length == 0) {
        return length;
    }
    size_t at = length; /* from the last segment to the first */
    for (uint32_t n = node; n != PATH_ROOT; n = p->nodes[n].parent) {
        at -= p->nodes[n].length;
        char short_segment[HASH_SHORT];
        memcpy(out + at, segment_of(&p->nodes[n], short_segment), p->nodes[n].length);
        if (p->nodes[n].parent != PATH_ROOT) {
            out[--at] = '.';
        }
    }
    return length;
}

/* ---- invariants ----------------------------------------------------------------------------- */

static bool edges_validate(const paths *p, const char **why)
{
    uint32_t found = 0;
    for (size_t i = 0; i <= p->edge_mask; i++) {
        if (p->edges[i] == 0) {
            continue;
        }
        uint32_t child = (uint32_t)p->edges[i] - 1, tag = (uint32_t)(p->edges[i] >> 32);
        REQUIRE(child > PATH_ROOT && child < p->count && !is_free(&p->nodes[child]));
        const path_node *n = &p->nodes[child];
        REQUIRE(tag == node_tag(p, n));
        for (size_t slot = tag & p->edge_mask; slot != i; slot = (slot + 1) & p->edge_mask) {
            REQUIRE(p->edges[slot] != 0);
        }
        found++;
    }
    REQUIRE(found == p->live - 1);
    return true;
}

bool paths_validate(const paths *p, const char **why)
{
    uint32_t live = 1, unused = 0;
    uint64_t children = 0;
    REQUIRE(p->count > PATH_ROOT && p->count <= p->cap);
    REQUIRE((p->edge_mask & (p->edge_mask + 1)) == 0);
    for (uint32_t i = 0; i < p->count; i++) {
        const path_node *n = &p->nodes[i];
        if (i == PATH_ROOT || !is_free(n)) {
            children += n->children;
        }
        if (i == PATH_ROOT || is_free(n)) {
            continue;
        }
        live++;
        REQUIRE(n->uses > 0 || n->children > 0);
        REQUIRE(n->parent < p->count);
        REQUIRE(n->parent == PATH_ROOT || !is_free(&p->nodes[n->parent]));
        char room[HASH_SHORT];
        REQUIRE(paths_child(p, n->parent, segment_of(n, room), n->length) == i);
    }
    REQUIRE(live == p->live);
    REQUIRE(children == live - 1);
    for (uint32_t i = p->free_head; i != PATH_NONE; i = p->nodes[i].parent) {
        REQUIRE(i < p->count && is_free(&p->nodes[i]) && unused < p->count);
        unused++;
    }
    REQUIRE(unused + live == p->count);
    return edges_validate(p, why);
}
