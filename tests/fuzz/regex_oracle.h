/* regex_oracle.h - I-Regexp by RFC 9485's grammar and by the definition of matching.
 *
 * Recursive descent to a tree, and no automaton: `oracle_ends` says where a part can end, for all
 * the places at once where it may begin. A set of places is a word of bits, so subjects have at
 * most 63 code points. General categories are parsed and not matched, and what takes too many steps
 * is not judged.
 */
#ifndef MATCHENGINE_FUZZ_REGEX_ORACLE_H
#define MATCHENGINE_FUZZ_REGEX_ORACLE_H

#include "bytes.h"
#include "value.h"

#define RX_POINTS 2048u /* of a regex; a longer one is not judged */
#define RX_SUBJECT 63u
#define RX_FOREVER UINT32_MAX
#define RX_STEPS 20000u

typedef enum rx_kind { RX_CHAIN, RX_EITHER, RX_REPEAT, RX_SET, RX_DOT, RX_CATEGORY } rx_kind;

typedef struct rx_node {
    rx_kind kind;
    uint32_t child, sibling; /* numbers of nodes; 0 is none */
    uint32_t least, most;
    uint32_t ranges, range_count;
    bool negated;
} rx_node;

typedef struct rx {
    uint32_t points[RX_POINTS], length, at;
    rx_node nodes[4 * RX_POINTS];
    uint32_t node_count;
    struct {
        uint32_t first, last;
    } ranges[RX_POINTS];
    uint32_t range_count;
    bool bad, has_category;
    uint32_t subject[RX_SUBJECT], subject_length;
    uint32_t steps; /* of this match: stars in stars can take very many */
} rx;

static inline uint32_t rx_peek(const rx *r)
{
    return r->at < r->length ? r->points[r->at] : UINT32_MAX;
}

static inline bool rx_accept(rx *r, uint32_t point)
{
    bool there = rx_peek(r) == point;
    r->at += there;
    return there;
}

static inline uint32_t rx_new(rx *r, rx_kind kind)
{
    MUST(++r->node_count < 4 * RX_POINTS);
    r->nodes[r->node_count] = (rx_node){.kind = kind};
    return r->node_count;
}

static inline uint32_t rx_refuse(rx *r)
{
    r->bad = true;
    r->at = r->length;
    return 0;
}

static inline bool rx_is_one_of(uint32_t point, const char *ascii)
{
    return point > 0 && point < 128 && strchr(ascii, (int)point) != NULL;
}

/* ---- the grammar ------------------------------------------------------------------------------- */

static inline void rx_category(rx *r)
{
    static const char *const names[] = {
        "L",  "Ll", "Lm", "Lo", "Lt", "Lu", "M",  "Mc", "Me", "Mn", "N",  "Nd",
        "Nl", "No", "P",  "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "Z",  "Zl",
        "Zp", "Zs", "S",  "Sc", "Sk", "Sm", "So", "C",  "Cc", "Cf", "Cn", "Co",
    };
    char name[3] = "";
    bool open = rx_accept(r, '{');
    for (size_t i = 0; i < 2 && rx_peek(r) < 128 && rx_peek(r) != '}'; i++) {
        name[i] = (char)r->points[r->at++];
    }
    bool known = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        known = known || strcmp(name, names[i]) == 0;
    }
    r->has_category = true;
    if (!open || !known || !rx_accept(r, '}')) {
        rx_refuse(r);
    }
}

/* After a backslash. True: one character, in `*point`. */
static inline bool rx_escape(rx *r, uint32_t *point)
{
    uint32_t c = rx_peek(r);
    r->at += c != UINT32_MAX;
    if (c == 'p' || c == 'P') {
        rx_category(r);
        return false;
    }
    if (!rx_is_one_of(c, "()*+-.?[\\]^nrt{|}")) {
        rx_refuse(r);
        return false;
    }
    *point = c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
    return true;
}

static inline void rx_range(rx *r, rx_node *set, uint32_t first, uint32_t last)
{
    MUST(r->range_count < RX_POINTS);
    r->ranges[r->range_count].first = first;
    r->ranges[r->range_count++].last = last;
    set->range_count++;
}

/* One character of a class, or nothing: a category, or what cannot be there. */
static inline bool rx_class_point(rx *r, uint32_t *point)
{
    uint32_t c = rx_peek(r);
    if (c == UINT32_MAX || rx_is_one_of(c, "-[]")) {
        rx_refuse(r);
        return false;
    }
    r->at++;
    *point = c;
    return c != '\\' || rx_escape(r, point);
}

static inline uint32_t rx_class(rx *r)
{
    uint32_t number = rx_new(r, RX_SET), first, last;
    rx_node *set = &r->nodes[number];
    set->negated = rx_accept(r, '^');
    set->ranges = r->range_count;
    bool some = rx_accept(r, '-');
    if (some) {
        rx_range(r, set, '-', '-');
    }
    while (!r->bad && (!some || (rx_peek(r) != ']' && rx_peek(r) != '-'))) {
        some = true;
        if (!rx_class_point(r, &first)) {
            continue;
        }
        last = first;
        bool ranged = rx_peek(r) == '-' && r->at + 1 < r->length && r->points[r->at + 1] != ']';
        if (ranged) {
            r->at++;
            ranged = rx_class_point(r, &last);
            if (!ranged || last < first) {
                return rx_refuse(r);
            }
        }
        rx_range(r, set, first, last);
    }
    if (rx_accept(r, '-')) {
        rx_range(r, set, '-', '-');
    }
    return rx_accept(r, ']') ? number : rx_refuse(r);
}

static inline uint32_t rx_either(rx *r);

static inline uint32_t rx_atom(rx *r)
{
    uint32_t c = r->points[r->at++];
    if (c == '(') {
        uint32_t inner = rx_either(r);
        return rx_accept(r, ')') ? inner : rx_refuse(r);
    }
    if (c == '.') {
        return rx_new(r, RX_DOT);
    }
    if (c == '[') {
        return rx_class(r);
    }
    if (c == '\\') {
        if (!rx_escape(r, &c)) {
            return r->bad ? 0 : rx_new(r, RX_CATEGORY);
        }
    } else if (rx_is_one_of(c, ")*+?]{|}")) {
        return rx_refuse(r);
    }
    uint32_t number = rx_new(r, RX_SET);
    r->nodes[number].ranges = r->range_count;
    rx_range(r, &r->nodes[number], c, c);
    return number;
}

static inline bool rx_number(rx *r, uint32_t *number)
{
    uint64_t n = 0;
    uint32_t from = r->at;
    while (rx_peek(r) >= '0' && rx_peek(r) <= '9') {
        n = n * 10 + r->points[r->at++] - '0';
        n = n < RX_FOREVER - 1 ? n : RX_FOREVER - 1;
    }
    *number = (uint32_t)n;
    return r->at > from;
}

static inline uint32_t rx_piece(rx *r)
{
    uint32_t part = rx_atom(r), least = 0, most = RX_FOREVER;
    if (r->bad || !rx_is_one_of(rx_peek(r), "*+?{")) {
        return part;
    }
    uint32_t c = r->points[r->at++];
    least = c == '+';
    most = c == '?' ? 1 : most;
    if (c == '{') {
        if (!rx_number(r, &least)) {
            return rx_refuse(r);
        }
        most = least;
        if (rx_accept(r, ',') && !rx_number(r, &most)) {
            most = RX_FOREVER;
        }
        if (most < least || !rx_accept(r, '}')) {
            return rx_refuse(r);
        }
    }
    uint32_t number = rx_new(r, RX_REPEAT);
    r->nodes[number].child = part;
    r->nodes[number].least = least;
    r->nodes[number].most = most;
    return number;
}

static inline uint32_t rx_chain(rx *r)
{
    uint32_t chain = rx_new(r, RX_CHAIN), last = 0;
    while (!r->bad && rx_peek(r) != UINT32_MAX && rx_peek(r) != '|' && rx_peek(r) != ')') {
        /* A node may stand in one list only: a group is wrapped. */
        uint32_t piece = rx_piece(r), wrapped = rx_new(r, RX_CHAIN);
        r->nodes[wrapped] = (rx_node){.kind = RX_REPEAT, .child = piece, .least = 1, .most = 1};
        *(last == 0 ? &r->nodes[chain].child : &r->nodes[last].sibling) = wrapped;
        last = wrapped;
    }
    return chain;
}

static inline uint32_t rx_either(rx *r)
{
    uint32_t either = rx_new(r, RX_EITHER), last = rx_chain(r);
    r->nodes[either].child = last;
    while (rx_accept(r, '|')) {
        uint32_t next = rx_chain(r);
        r->nodes[last].sibling = next;
        last = next;
    }
    return either;
}

/* ---- matching ------------------------------------------------------------------------------------ */

static inline bool rx_takes(const rx *r, const rx_node *n, uint32_t point)
{
    if (n->kind == RX_DOT) {
        return point != '\n' && point != '\r';
    }
    bool in = false;
    for (uint32_t i = n->ranges; i < n->ranges + n->range_count; i++) {
        in = in || (point >= r->ranges[i].first && point <= r->ranges[i].last);
    }
    return in != n->negated;
}

static inline uint64_t rx_ends(rx *r, uint32_t number, uint64_t starts);

/* A step takes a union to the union of its steps: once nothing is new, nothing will be. */
static inline uint64_t rx_repeat(rx *r, const rx_node *n, uint64_t starts)
{
    for (uint32_t i = 0; i < n->least; i++) {
        uint64_t next = rx_ends(r, n->child, starts);
        if (next == starts) {
            break;
        }
        starts = next;
    }
    uint64_t found = starts;
    for (uint32_t i = n->least; i < n->most; i++) {
        starts = rx_ends(r, n->child, starts);
        if ((starts & ~found) == 0) {
            break;
        }
        found |= starts;
    }
    return found;
}

static inline uint64_t rx_ends(rx *r, uint32_t number, uint64_t starts)
{
    const rx_node *n = &r->nodes[number];
    uint64_t found = 0;
    if (++r->steps > RX_STEPS) {
        return 0;
    }
    switch (n->kind) {
    case RX_CHAIN:
        for (uint32_t i = n->child; i != 0; i = r->nodes[i].sibling) {
            starts = rx_ends(r, i, starts);
        }
        return starts;
    case RX_EITHER:
        for (uint32_t i = n->child; i != 0; i = r->nodes[i].sibling) {
            found |= rx_ends(r, i, starts);
        }
        return found;
    case RX_REPEAT:
        return rx_repeat(r, n, starts);
    default:
        for (uint32_t at = 0; at < r->subject_length; at++) {
            bool takes = (starts >> at & 1) != 0 && rx_takes(r, n, r->subject[at]);
            found |= takes ? UINT64_C(1) << (at + 1) : 0;
        }
        return found;
    }
}

/* ---- what is asked ------------------------------------------------------------------------------- */

typedef enum verdict { NO, YES, CANNOT_SAY } verdict;

/* Is this (valid UTF-8) a regex? Leaves the tree in `r`. */
static inline verdict oracle_regex_parse(rx *r, const char *pattern, size_t length)
{
    r->length = r->at = r->range_count = r->node_count = 0;
    r->bad = r->has_category = false;
    for (size_t at = 0; at < length;) {
        if (r->length == RX_POINTS / 2) {
            return CANNOT_SAY;
        }
        r->points[r->length++] = utf8_next(pattern, length, &at);
    }
    MUST(rx_either(r) == 1 || r->bad);
    return !r->bad && r->at == r->length ? YES : NO;
}

/* Does the regex in `r` match a whole text? */
static inline verdict oracle_regex_match(rx *r, const char *s, size_t length)
{
    r->subject_length = 0;
    for (size_t at = 0; at < length;) {
        if (r->subject_length == RX_SUBJECT) {
            return CANNOT_SAY;
        }
        r->subject[r->subject_length++] = utf8_next(s, length, &at);
    }
    if (r->has_category) {
        return CANNOT_SAY;
    }
    r->steps = 0;
    bool matched = (rx_ends(r, 1, 1) >> r->subject_length & 1) != 0;
    return r->steps > RX_STEPS ? CANNOT_SAY : matched ? YES : NO;
}

#endif
