/* needles.h - a set of byte strings (keys) that answers: with which of them does a text begin?
 *
 * A binary trie over the bits of the keys that keeps only the places where keys part (Patricia).
 * A byte of a key counts as nine bits: "the key goes on", then its eight bits; so a key that is
 * the beginning of another parts from it at a first bit, and is found on the way to it:
 *
 *     keys  she  shell  shy                       byte 2, bit 0x10
 *                                                 /              \
 *                                 byte 3, goes on?                shy
 *                                 /            \
 *                               she            shell
 *
 * The text "shells" passes the left branch, checks the end of "she" against the bytes it has not
 * seen yet, hits it, goes on and hits "shell". Every byte is compared once, in either case.
 *
 * Nodes live inside the keys: n keys have n - 1 nodes, each kept in the block of a key below it.
 * So adding and removing allocate nothing and cannot fail.
 *
 * The cost of one walk is the number of nodes passed: about log2 of the number of keys when they
 * differ early, at worst nine per byte of the text. Keys nested in each other (a, aa, aaa, ...)
 * make long ways, though k of them need k * k / 2 bytes, and a text that goes such ways from many
 * positions repeats itself. So a walk that has become long takes *hops*: it remembers that from
 * this node the next 64 bytes of text led to that node, with nothing left to find between them.
 *
 * Invariants, checked by needles_validate:
 *   I1  (byte, rank) grows strictly on every way down
 *   I2  all keys below a node agree before (byte, rank); at it, child[b] holds those with bit b
 *   I3  a node in use is an ancestor of the first needle of its own key; others' are not in use
 *   I4  needles with equal keys form one doubly linked list, of which the trie holds the first
 */
#ifndef MATCHENGINE_NEEDLES_H
#define MATCHENGINE_NEEDLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct needle needle;

/* A needle (a leaf), or a needle's node with bit 0 set; 0 is the empty set. */
typedef uintptr_t needle_set;

/* Where two bundles of keys part. */
typedef struct needle_node {
    needle_set child[2];
    uint32_t byte;
    uint8_t rank; /* 0: does the key go on at `byte`?  1..8: its bit 0x80 >> (rank - 1) */
} needle_node;

struct needle {
    needle_node node;
    bool has_node;  /* `node` is in use */
    bool backward;  /* the key is read from the last byte to the first */
    uint32_t start; /* the key leaves out so many bytes at the beginning (0 when backward) */
    uint32_t length;
    const char *bytes; /* borrowed */
    needle *next, *prev;
};

/* The caller sets `backward`, `start`, `length` > start and `bytes` first. Keys of one set have
 * the same `backward`. */
void needles_add(needle_set *set, needle *n);

/* The needle must be in the set. */
void needles_remove(needle_set *set, needle *n);

/* The first needle whose key equals the one of `like`, or NULL. */
needle *needles_find(needle_set set, const needle *like);

/* What the long walks of one search remember for each other. */
#define NEEDLE_HOPS 4096u
typedef struct needle_hop {
    needle_set from, to; /* nodes, or `to` is a leaf, or 0: no key goes on like that */
    const char *bytes;   /* the text that led there, 64 bytes from the byte of `from` */
    size_t known;        /* at `to`, so many bytes are known to agree */
    uint32_t epoch;      /* the search that made it; hops of others are void */
} needle_hop;

typedef struct needle_trail {
    needle_hop *hops; /* NEEDLE_HOPS, zeroed when made; NULL: remember nothing */
    uint32_t epoch;   /* of this search, never 0 */
} needle_trail;

/* Called with the first needle of each key that the text begins with (backward: ends with),
 * shortest first. Returns whether every needle of the key is settled: done with for this text,
 * wherever the key occurs again. Hops pass over settled keys without another call. */
typedef bool needle_hit(void *context, const needle *first);

/* The `known` first bytes of the text are known to agree with every key. Returns whether the walk
 * was long, so that a trail would pay. */
bool needles_walk(needle_set set, const char *text, size_t length, size_t known, needle_trail trail,
                  needle_hit *hit, void *context);
void needles_walk_backward(needle_set set, const char *text, size_t length, needle_hit *hit,
                           void *context);

/* Checks the way to this needle. */
bool needles_validate(needle_set set, const needle *n, const char **why);

static inline bool needle_is_node(needle_set set)
{
    return (set & 1) != 0;
}

/* The needle that the link leads to, or whose node it is. */
static inline needle *needle_of(needle_set set)
{
    return (needle *)(set & ~(needle_set)1);
}

#endif
