#include "needles.h"

#include <string.h>

#include "require.h"

static needle_set link_to_node(needle *n)
{
    return (needle_set)n | 1;
}

static uint32_t key_length(const needle *n)
{
    return n->length - n->start;
}

static unsigned char key_byte(const needle *n, uint32_t i)
{
    return (unsigned char)n->bytes[n->backward ? n->length - 1 - i : n->start + i];
}

static unsigned key_bit(const needle *n, const needle_node *at)
{
    bool on = at->byte < key_length(n);
    if (at->rank == 0) {
        return on;
    }
    return on ? (unsigned)key_byte(n, at->byte) >> (8 - at->rank) & 1u : 0u;
}

static bool comes_before(const needle_node *a, const needle_node *b)
{
    return a->byte != b->byte ? a->byte < b->byte : a->rank < b->rank;
}

/* Where two keys part; false when they are equal. */
static bool part(const needle *a, const needle *b, needle_node *where)
{
    uint32_t length_a = key_length(a), length_b = key_length(b);
    uint32_t both = length_a < length_b ? length_a : length_b, i = 0;
    while (i < both && key_byte(a, i) == key_byte(b, i)) {
        i++;
    }
    where->byte = i;
    where->rank = 0;
    if (i < both) {
        unsigned difference = key_byte(a, i) ^ key_byte(b, i);
        where->rank = 1;
        while ((difference & 0x80u) == 0) {
            difference <<= 1;
            where->rank++;
        }
    }
    return i < both || length_a != length_b;
}

/* The leaf to which the key's bits lead: equal, or as close as any. */
static needle *descend(needle_set set, const needle *key)
{
    while (needle_is_node(set)) {
        const needle_node *node = &needle_of(set)->node;
        set = node->child[key_bit(key, node)];
    }
    return needle_of(set);
}

void needles_add(needle_set *set, needle *n)
{
    n->has_node = false;
    n->next = n->prev = NULL;
    if (*set == 0) {
        *set = (needle_set)n;
        return;
    }
    needle *closest = descend(*set, n);
    needle_node where;
    if (!part(n, closest, &where)) {
        n->prev = closest; /* behind the first, so that the trie need not change */
        n->next = closest->next;
        if (n->next != NULL) {
            n->next->prev = n;
        }
        closest->next = n;
        return;
    }
    needle_set *link = set;
    while (needle_is_node(*link) && comes_before(&needle_of(*link)->node, &where)) {
        needle_node *node = &needle_of(*link)->node;
        link = &node->child[key_bit(n, node)];
    }
    unsigned side = key_bit(n, &where);
    where.child[side] = (needle_set)n;
    where.child[1 - side] = *link;
    n->node = where;
    n->has_node = true;
    *link = link_to_node(n);
}

/* The first needle of a key goes, another of the same key takes its place and its node. `own` is
 * the link to that node, NULL when there is none. */
static void replace_first(needle *n, needle_set *link, needle_set *own)
{
    needle *heir = n->next;
    heir->prev = NULL;
    *link = (needle_set)heir;
    if (own != NULL) {
        heir->node = n->node; /* after the link, which may be one of its children */
        heir->has_node = true;
        *own = link_to_node(heir);
    }
}

void needles_remove(needle_set *set, needle *n)
{
    if (n->prev != NULL) {
        n->prev->next = n->next;
        if (n->next != NULL) {
            n->next->prev = n->prev;
        }
        return;
    }
    needle_set *link = set, *above = NULL, *own = NULL;
    while (needle_is_node(*link)) {
        needle *holder = needle_of(*link);
        own = holder == n ? link : own;
        above = link;
        link = &holder->node.child[key_bit(n, &holder->node)];
    }
    if (n->next != NULL) {
        replace_first(n, link, own);
        return;
    }
    if (above == NULL) {
        *set = 0;
        return;
    }
    needle *holder = needle_of(*above); /* of the node that the leaf hangs from */
    *above = holder->node.child[link == &holder->node.child[0]];
    holder->has_node = false;
    if (own != NULL && holder != n) { /* the node of `n`, higher up, moves to the free place */
        holder->node = n->node;
        holder->has_node = true;
        *own = link_to_node(holder);
    }
}

needle *needles_find(needle_set set, const needle *like)
{
    if (set == 0) {
        return NULL;
    }
    needle_node where;
    needle *closest = descend(set, like);
    return part(like, closest, &where) ? NULL : closest;
}

bool needles_validate(needle_set set, const needle *n, const char **why)
{
    const needle *first = n;
    while (first->prev != NULL) {
        REQUIRE(!first->has_node);
        REQUIRE(first->prev->next == first);
        first = first->prev;
    }
    REQUIRE(n->next == NULL || n->next->prev == n);
    const needle_node *above = NULL;
    bool own_seen = false;
    needle_node where;
    while (needle_is_node(set)) {
        const needle *holder = needle_of(set);
        const needle_node *node = &holder->node;
        REQUIRE(holder->has_node);
        REQUIRE(holder->backward == n->backward);
        REQUIRE(above == NULL || comes_before(above, node));
        REQUIRE(node->rank != 0 || !needle_is_node(node->child[0]));
        REQUIRE(holder == first || !part(holder, first, &where) || !comes_before(&where, node));
        own_seen = own_seen || holder == first;
        above = node;
        set = node->child[key_bit(first, node)];
    }
    REQUIRE(needle_of(set) == first);
    REQUIRE(own_seen == first->has_node);
    REQUIRE(first == n || !part(first, n, &where));
    return true;
}
