/* regex_model.h - random regexes as trees, and what they match by the definition.
 *
 * A tree is grown together with its text. `ends` says where a match can end, for all places at once
 * where it may begin: a set of places is a word of bits, so subjects have at most 63 characters.
 * Slow, plain, and without an automaton.
 */
#ifndef MATCHENGINE_REGEX_MODEL_H
#define MATCHENGINE_REGEX_MODEL_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static uint64_t state = 9485;

typedef enum kind { POINT, ANY, CLASS, CHAIN, EITHER, REPEAT } kind;

typedef struct tree {
    kind kind;
    uint32_t members; /* of a class: bits of units */
    uint32_t least, most;
    struct tree *parts[3];
    uint32_t count;
} tree;

#define UNITS 10u
static const char *const units[UNITS] = {"a", "b", "c", "A", "0", "é", "😀", "\n", " ", "-"};
static const char *const spelled[UNITS] = {"a", "b", "c", "A", "0", "é", "😀", "\\n", " ", "\\-"};
static const struct {
    const char *text;
    uint32_t members;
} classes[] = {
    {"\\p{L}", 0x2F},   {"\\p{Ll}", 0x27},     {"\\P{L}", 0x3D0}, {"[^\\p{Nd}]", 0x3EF},
    {"[a-c]", 0x7},     {"[^a-b]", 0x3FC},     {"[-a]", 0x201},   {"[0-a]", 0x19},
    {"[^\\n-]", 0x17F}, {"[\\p{Z}b-]", 0x302}, {"[é-😀]", 0x60},  {"[\\P{C}]", 0x37F},
};

typedef struct written {
    char at[4096];
    size_t length;
} written;

static void append(written *t, const char *s)
{
    size_t n = strlen(s);
    memcpy(t->at + t->length, s, n);
    t->length += n;
}

static tree *grow(written *out, int depth);

/* A part that a quantifier may follow. */
static tree *grow_atom(written *out, int depth)
{
    tree *t = calloc(1, sizeof *t);
    uint32_t pick = check_below(&state, depth > 0 ? 9 : 6);
    if (pick < 4) {
        uint32_t unit = check_below(&state, check_below(&state, 3) == 0 ? UNITS : 3);
        t->members = 1u << unit;
        append(out, spelled[unit]);
    } else if (pick == 4) {
        t->kind = ANY;
        t->members = 0x37F;
        append(out, ".");
    } else if (pick == 5) {
        uint32_t class = check_below(&state, sizeof classes / sizeof *classes);
        t->kind = CLASS;
        t->members = classes[class].members;
        append(out, classes[class].text);
    } else {
        free(t);
        append(out, "(");
        t = grow(out, depth - 1);
        append(out, ")");
    }
    return t;
}

static tree *grow_piece(written *out, int depth)
{
    tree *part = grow_atom(out, depth);
    uint32_t pick = check_below(&state, 12);
    if (pick > 6) {
        return part;
    }
    tree *t = calloc(1, sizeof *t);
    char counts[32];
    t->kind = REPEAT;
    t->parts[0] = part;
    t->count = 1;
    t->least = pick == 0 || pick == 2 ? 0 : pick == 1 ? 1 : check_below(&state, 4);
    t->most = pick == 2 ? 1 : t->least + (pick < 3 ? 60u : check_below(&state, 3));
    if (pick < 3) {
        snprintf(counts, sizeof counts, "%c", "*+?"[pick]);
    } else if (pick == 3) {
        t->most = t->least + 60;
        snprintf(counts, sizeof counts, "{%u,}", t->least);
    } else if (t->least == t->most) {
        snprintf(counts, sizeof counts, pick == 4 ? "{%u}" : "{%u,%u}", t->least, t->most);
    } else {
        snprintf(counts, sizeof counts, "{%u,%u}", t->least, t->most);
    }
    append(out, counts);
    return t;
}

static tree *grow(written *out, int depth)
{
    tree *t = calloc(1, sizeof *t);
    t->kind = check_below(&state, 3) == 0 ? EITHER : CHAIN;
    t->count = check_below(&state, 4);
    for (uint32_t i = 0; i < t->count; i++) {
        append(out, t->kind == EITHER && i > 0 ? "|" : "");
        t->parts[i] = grow_piece(out, depth);
    }
    return t;
}

static void fell(tree *t)
{
    for (uint32_t i = 0; i < t->count; i++) {
        fell(t->parts[i]);
    }
    free(t);
}

/* Where can a match end that begins at one of `starts`? Bits are places in the subject. */
static uint64_t ends(const tree *t, uint64_t starts, const uint32_t *subject, uint32_t length)
{
    uint64_t found = t->kind == CHAIN || (t->kind == EITHER && t->count == 0) ? starts : 0;
    switch (t->kind) {
    case CHAIN:
        for (uint32_t i = 0; i < t->count; i++) {
            found = ends(t->parts[i], found, subject, length);
        }
        return found;
    case EITHER:
        for (uint32_t i = 0; i < t->count; i++) {
            found |= ends(t->parts[i], starts, subject, length);
        }
        return found;
    case REPEAT:
        for (uint32_t i = 0; i <= t->most; i++) {
            found |= i >= t->least ? starts : 0;
            starts = ends(t->parts[0], starts, subject, length);
        }
        return found;
    default:
        for (uint32_t at = 0; at < length; at++) {
            bool takes = (starts >> at & 1) != 0 && (t->members >> subject[at] & 1) != 0;
            found |= takes ? UINT64_C(1) << (at + 1) : 0;
        }
        return found;
    }
}

#endif
