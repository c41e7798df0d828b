/* regex_parse.c - the text of an I-Regexp to a program, in one pass and without recursion.
 *
 * The grammar is that of RFC 9485, section 4. Each open parenthesis has a level: where its block
 * begins in the program, where the branch that is being read begins, and the jumps of the branches
 * before, which will lead past the end of the block when it is closed:
 *
 *     (a|b|c          split 3  a  jump 0  split 3  b  jump 2  c
 *                                   ^                   |     ^ branch
 *                                   `---- jumps --------'
 *
 * Until then the jumps are chained by their places (0 ends the chain: a split is at the start).
 * The block of an atom is complete, so its quantifier may copy it.
 */
#include <stdio.h>
#include <string.h>

#include "regex_parser.h"
#include "value.h"

/* ---- errors ------------------------------------------------------------------------------------- */

/* The character at `at` is not what it must be. */
bool regex_unexpected(regex_parser *p, size_t at, const char *expected)
{
    char got[24] = "the end of the regex";
    if (at < p->length) {
        unsigned char c = (unsigned char)p->text[at];
        snprintf(got, sizeof got, c > ' ' && c < 0x7F ? "%c" : "another character", c);
    }
    snprintf(p->error->message, sizeof p->error->message, "expected %s, got %s", expected, got);
    p->error->offset = at;
    p->status = ME_SYNTAX;
    return false;
}

bool regex_beyond(regex_parser *p, const char *name, uint64_t value, uint64_t maximum)
{
    snprintf(p->error->message, sizeof p->error->message,
             "the regex exceeds the limit %s, which is %llu", name, (unsigned long long)maximum);
    p->error->offset = p->at;
    p->error->limit = name;
    p->error->value = value;
    p->status = ME_FILTER_LIMIT;
    return false;
}

/* Takes over the status of a set. */
bool regex_good(regex_parser *p, me_status status)
{
    if (status == ME_FILTER_LIMIT) {
        uint64_t most = p->out->sets.range_most;
        return regex_beyond(p, "regex_ranges", most + 1, most);
    }
    p->status = status;
    return status == ME_OK;
}

/* ---- writing the program ------------------------------------------------------------------------ */

static uint64_t states_most(const regex_parser *p)
{
    bool low = p->limits != NULL && p->limits->regex_states < REGEX_STATES_MOST;
    return low ? p->limits->regex_states : REGEX_STATES_MOST;
}

/* Room for so many instructions more, and the end. */
static bool room(regex_parser *p, uint64_t more)
{
    regex_program *o = p->out;
    if (o->count + more >= states_most(p)) {
        return regex_beyond(p, "regex_states", o->count + more + 1, states_most(p));
    }
    if (!heap_reserve(o->heap, &o->code, &o->cap, o->count + (uint32_t)more + 1, sizeof *o->code)) {
        p->status = ME_NOMEM;
        return false;
    }
    return true;
}

static void put(regex_program *o, regex_op op, uint16_t set, int32_t jump)
{
    o->code[o->count++] = (regex_instruction){(uint16_t)op, set, jump};
}

static void put_copy(regex_program *o, uint32_t from, uint32_t count)
{
    memcpy(o->code + o->count, o->code + from, count * sizeof *o->code);
    o->count += count;
}

/* Moves the instructions from `at` on up by one. */
static void put_split_before(regex_program *o, uint32_t at, int32_t jump)
{
    memmove(o->code + at + 1, o->code + at, (o->count - at) * sizeof *o->code);
    o->code[at] = (regex_instruction){.op = REGEX_SPLIT, .jump = jump};
    o->count++;
}

/* The block from `start` on, `least` to `most` times. A block without instructions matches the
 * empty string only, as often as one likes. */
static bool repeat(regex_parser *p, uint32_t start, uint32_t least, uint32_t most)
{
    regex_program *o = p->out;
    uint32_t body = o->count - start, from = start;
    if (body == 0) {
        return true;
    }
    if (most == 0) {
        o->count = start;
        return true;
    }
    bool forever = most == REGEX_FOREVER;
    uint64_t total = (uint64_t)least * body;
    total += forever ? (least == 0 ? body + 2u : 1u) : (uint64_t)(most - least) * (body + 1);
    if (!room(p, total - body)) {
        return false;
    }
    uint32_t end = start + (uint32_t)total, copies = 1;
    if (least == 0) {
        put_split_before(o, start, (int32_t)total);
        from++;
    }
    for (; copies < least; copies++) {
        put_copy(o, from, body);
    }
    for (; !forever && copies < most; copies++) {
        put(o, REGEX_SPLIT, 0, (int32_t)(end - o->count));
        put_copy(o, from, body);
    }
    if (forever) {
        put(o, REGEX_SPLIT, 0, -(int32_t)body);
    }
    return true;
}

/* ---- atoms and quantifiers ---------------------------------------------------------------------- */

static bool any_but_line_ends(regex_parser *p, uint16_t *set)
{
    regex_sets *sets = &p->out->sets;
    return regex_good(p, regex_set_add(sets, '\n', '\n')) &&
           regex_good(p, regex_set_add(sets, '\r', '\r')) &&
           regex_good(p, regex_set_close(sets, true, set));
}

/* A set of code points: anything but a group. Steps over it. */
static bool set_atom(regex_parser *p, uint16_t *set)
{
    uint32_t point;
    int c = regex_peek(p);
    if (c == '.' || c == '[') {
        p->at++;
        return c == '.' ? any_but_line_ends(p, set) : regex_class(p, set);
    }
    if (c == '\\') {
        p->at++;
        if (regex_at(p, 'p') || regex_at(p, 'P')) {
            p->at++;
            return regex_category(p, p->text[p->at - 1] == 'P') &&
                   regex_good(p, regex_set_close(&p->out->sets, false, set));
        }
        if (!regex_escaped(p, &point)) {
            return false;
        }
    } else if (strchr("*+?{}]", c) != NULL && c != 0) {
        return regex_unexpected(p, p->at, "a character, ., (, [, a backslash, | or the end");
    } else {
        point = utf8_next(p->text, p->length, &p->at);
    }
    return regex_good(p, regex_set_add(&p->out->sets, point, point)) &&
           regex_good(p, regex_set_close(&p->out->sets, false, set));
}

static bool number(regex_parser *p, uint32_t *out)
{
    uint32_t n = 0;
    int c = regex_peek(p);
    if (c < '0' || c > '9') {
        return regex_unexpected(p, p->at, "a number");
    }
    for (; c >= '0' && c <= '9'; c = regex_peek(p)) {
        n = n * 10 + (uint32_t)(c - '0');
        if (n > states_most(p)) {
            return regex_beyond(p, "regex_states", n, states_most(p));
        }
        p->at++;
    }
    *out = n;
    return true;
}

/* {n}, {n,} or {n,m}, after the brace. */
static bool counts(regex_parser *p, uint32_t *least, uint32_t *most)
{
    if (!number(p, least)) {
        return false;
    }
    *most = *least;
    if (regex_at(p, ',')) {
        p->at++;
        size_t second = p->at;
        *most = REGEX_FOREVER;
        if (!regex_at(p, '}') && !number(p, most)) {
            return false;
        }
        if (*most < *least) {
            return regex_unexpected(p, second, "a number that is not below the first");
        }
    }
    if (!regex_at(p, '}')) {
        return regex_unexpected(p, p->at, "a digit, a comma or }");
    }
    p->at++;
    return true;
}

/* An atom with the block from `start` on has been read: what follows may repeat it. */
static bool piece(regex_parser *p, uint32_t start, regex_literals literals)
{
    uint32_t least = 1, most = 1;
    int c = regex_peek(p);
    if (c == '*' || c == '+' || c == '?') {
        p->at++;
        least = c == '+';
        most = c == '?' ? 1 : REGEX_FOREVER;
    } else if (c == '{') {
        p->at++;
        if (!counts(p, &least, &most)) {
            return false;
        }
    }
    if (least != 1 || most != 1) {
        literals = regex_literals_repeat(&literals, least, most);
        if (!repeat(p, start, least, most)) {
            return false;
        }
    }
    p->now.here = regex_literals_join(&p->now.here, &literals);
    return true;
}

static bool atom(regex_parser *p)
{
    uint16_t set = 0;
    uint32_t start = p->out->count;
    if (!room(p, 1) || !set_atom(p, &set)) {
        return false;
    }
    put(p->out, REGEX_SET, set, 0);
    const regex_set *s = &p->out->sets.all[set];
    const regex_range *range = p->out->sets.ranges + s->start;
    regex_literals literals = regex_literals_none();
    if (s->count == 1 && range->first == range->last) { /* also [.], the way to write a dot */
        char bytes[4];
        literals = regex_literals_exact(bytes, utf8_put(bytes, range->first));
    }
    return piece(p, start, literals);
}

/* ---- branches and groups ------------------------------------------------------------------------ */

static regex_level new_level(uint32_t start)
{
    return (regex_level){.start = start, .branch = start, .here = regex_literals_exact("", 0)};
}

/* At a |: the branch becomes the first way of a split, and the next one the second. */
static bool next_branch(regex_parser *p)
{
    regex_program *o = p->out;
    regex_level *l = &p->now;
    if (!room(p, 2)) {
        return false;
    }
    l->branches = l->jumps != 0 ? regex_literals_either(&l->branches, &l->here) : l->here;
    put_split_before(o, l->branch, (int32_t)(o->count - l->branch) + 2);
    put(o, REGEX_JUMP, 0, (int32_t)l->jumps);
    l->jumps = o->count - 1;
    l->branch = o->count;
    l->here = regex_literals_exact("", 0);
    return true;
}

/* The last branch is complete: all lead on to what follows. Returns what they have in common. */
static regex_literals close_branches(regex_parser *p)
{
    regex_program *o = p->out;
    regex_level *l = &p->now;
    if (l->jumps == 0) {
        return l->here;
    }
    for (uint32_t at = l->jumps; at != 0;) {
        uint32_t before = (uint32_t)o->code[at].jump;
        o->code[at].jump = (int32_t)(o->count - at);
        at = before;
    }
    return regex_literals_either(&l->branches, &l->here);
}

static bool open_group(regex_parser *p)
{
    if (p->limits != NULL && p->depth >= p->limits->regex_depth) {
        return regex_beyond(p, "regex_depth", (uint64_t)p->depth + 1, p->limits->regex_depth);
    }
    if (!heap_reserve(p->out->heap, &p->outer, &p->cap, p->depth + 1, sizeof *p->outer)) {
        p->status = ME_NOMEM;
        return false;
    }
    p->outer[p->depth++] = p->now;
    p->now = new_level(p->out->count);
    p->at++;
    return true;
}

static bool close_group(regex_parser *p)
{
    if (p->depth == 0) {
        return regex_unexpected(p, p->at, "an expression, | or the end: no parenthesis is open");
    }
    regex_literals literals = close_branches(p);
    uint32_t start = p->now.start;
    p->now = p->outer[--p->depth];
    p->at++;
    return piece(p, start, literals);
}

static bool whole(regex_parser *p)
{
    bool going = room(p, 0);
    while (going && p->at < p->length) {
        switch (p->text[p->at]) {
        case '(':
            going = open_group(p);
            break;
        case ')':
            going = close_group(p);
            break;
        case '|':
            going = next_branch(p);
            p->at += going;
            break;
        default:
            going = atom(p);
        }
    }
    if (going && p->depth > 0) {
        return regex_unexpected(p, p->at, "an expression, | or )");
    }
    if (going) {
        p->out->literals = close_branches(p);
        put(p->out, REGEX_END, 0, 0);
    }
    return going;
}

me_status regex_parse(heap *h, const char *pattern, size_t length, const me_limits *limits,
                      regex_program *out, me_error *error)
{
    *out = (regex_program){.heap = h, .sets.heap = h, .sets.range_most = UINT32_MAX / 4};
    if (limits != NULL && limits->regex_ranges < out->sets.range_most) {
        out->sets.range_most = (uint32_t)limits->regex_ranges;
    }
    regex_parser p = {
        .text = pattern, .length = length, .limits = limits, .out = out, .error = error};
    p.now = new_level(0);
    p.status = ME_OK;
    if (!whole(&p)) {
        regex_program_free(out);
    }
    heap_free(h, p.outer, p.cap * sizeof *p.outer);
    return p.status;
}

void regex_program_free(regex_program *p)
{
    regex_sets_free(&p->sets);
    heap_free(p->heap, p->code, p->cap * sizeof *p->code);
    *p = (regex_program){.heap = p->heap, .sets.heap = p->heap};
}
