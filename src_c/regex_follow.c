/* regex_follow.c - matching with the program, one instruction at a time.
 *
 * The last resort, for a regex that tells more kinds of characters apart than columns are made of,
 * and the plain meaning of a program, which the quicker ways are compared with.
 */
#include <string.h>

#include "regex_parts.h"
#include "value.h"

static void reach(regex_ways *w, uint32_t at, uint32_t *height)
{
    if (w->marks[at] != w->round) {
        w->marks[at] = w->round;
        w->stack[(*height)++] = (uint16_t)at;
    }
}

uint32_t regex_ways_add(regex_ways *w, uint32_t from)
{
    uint32_t height = 0, passed = 0;
    reach(w, from, &height);
    while (height > 0) {
        uint32_t at = w->stack[--height];
        const regex_instruction *code = &w->code[at];
        passed++;
        if (code->op == REGEX_SET || code->op == REGEX_END) {
            w->waiting[w->count++] = (uint16_t)at;
            continue;
        }
        reach(w, (uint32_t)((int32_t)at + code->jump), &height);
        if (code->op == REGEX_SPLIT) {
            reach(w, at + 1, &height);
        }
    }
    return passed;
}

/* Does the set have the code point of this round? Many instructions may ask for one set. */
static bool takes(const regex *r, uint32_t *known, uint32_t round, uint32_t set, uint32_t point)
{
    uint32_t *asked = &known[2 * set], *answer = asked + 1;
    if (*asked != round) {
        const regex_set *s = &r->sets[set];
        *asked = round;
        *answer = regex_set_has(r->ranges + s->start, s->count, point);
    }
    return *answer != 0;
}

/* For an instruction two lists that wait, a stack and a mark; for a set what is known of it in this
 * round. */
size_t regex_follow_bytes(const regex *r)
{
    size_t bytes = r->count * (3 * sizeof(uint16_t) + sizeof(uint32_t));
    return bytes + r->set_count * 2 * sizeof(uint32_t);
}

bool regex_follow(const regex *r, const char *text, size_t length, uint64_t *state, uint64_t *steps)
{
    regex_ways ways = {.code = r->code, .marks = (uint32_t *)state};
    uint32_t *known = ways.marks + r->count;
    ways.waiting = (uint16_t *)(known + 2 * (size_t)r->set_count);
    ways.stack = ways.waiting + r->count;
    uint16_t *before = ways.stack + r->count;
    memset(ways.marks, 0, (r->count + 2 * (size_t)r->set_count) * sizeof *ways.marks);
    regex_ways_start(&ways);
    *steps += regex_ways_add(&ways, 0);
    for (size_t at = 0; at < length && ways.count > 0;) {
        uint32_t point = utf8_next(text, length, &at), count = ways.count;
        uint16_t *swapped = before;
        before = ways.waiting;
        ways.waiting = swapped;
        regex_ways_start(&ways);
        *steps += count;
        for (uint32_t i = 0; i < count; i++) {
            const regex_instruction *code = &r->code[before[i]];
            if (code->op == REGEX_SET && takes(r, known, ways.round, code->set, point)) {
                *steps += regex_ways_add(&ways, before[i] + 1u);
            }
        }
    }
    uint32_t end = r->count - 1;
    return ways.count > 0 && ways.marks[end] == ways.round;
}
