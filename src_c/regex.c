/* regex.c - a compiled regex in one block of memory, and matching with it. */
#include <stdio.h>
#include <string.h>

#include "regex_parts.h"
#include "value.h"

/* The parts lie behind the head in this order, each aligned to 4 bytes:
 *
 *     with a table    cells  accepts  bounds  bound_classes  ascii  literals
 *     without         code  sets  ranges                            literals
 */
struct regex {
    uint32_t size;        /* of the block */
    uint32_t classes;     /* columns of the table; 0: there is none */
    uint32_t bound_count; /* stretches of code points from 0x80 on */
    uint32_t count;       /* instructions */
    uint32_t set_count;
    union {
        struct {
            const uint16_t *cells;
            const uint8_t *accepts;
            const uint32_t *bounds;
            const uint8_t *bound_classes;
            const uint8_t *ascii;
        };
        struct {
            const regex_instruction *code;
            const regex_set *sets;
            const regex_range *ranges;
        };
    };
    const char *literals; /* one after the other */
    uint8_t lengths[REGEX_PLACES];
};

/* ---- compiling ---------------------------------------------------------------------------------- */

me_status regex_check(heap *h, const char *pattern, size_t length, me_error *error)
{
    regex_program program;
    me_status status = regex_parse(h, pattern, length, &program, error);
    if (status == ME_OK) {
        regex_program_free(&program);
    }
    return status;
}

/* Copies a part to the end of what has been copied; without a block it is only measured. */
static const void *copy_part(char *block, size_t *size, const void *part, size_t length)
{
    size_t at = (*size + 3) / 4 * 4;
    *size = at + length;
    if (block == NULL) {
        return NULL;
    }
    if (length > 0) {
        memcpy(block + at, part, length);
    }
    return block + at;
}

/* Fills `r`, which lies at the start of the block if there is one. Returns the size of it all. */
static size_t lay_out(regex *r, char *block, const regex_program *p, const regex_table *t)
{
    size_t size = sizeof *r;
    if (t != NULL) {
        r->classes = t->classes;
        r->bound_count = t->bound_count;
        r->cells = copy_part(block, &size, t->cells, t->rows * t->classes * sizeof *t->cells);
        r->accepts = copy_part(block, &size, t->accepts, t->rows);
        r->bounds = copy_part(block, &size, t->bounds, t->bound_count * sizeof *t->bounds);
        r->bound_classes = copy_part(block, &size, t->bound_classes, t->bound_count);
        r->ascii = copy_part(block, &size, t->ascii, sizeof t->ascii);
    } else {
        const regex_sets *s = &p->sets;
        r->count = p->count;
        r->set_count = s->count;
        r->code = copy_part(block, &size, p->code, p->count * sizeof *p->code);
        r->sets = copy_part(block, &size, s->all, s->count * sizeof *s->all);
        r->ranges = copy_part(block, &size, s->ranges, s->range_count * sizeof *s->ranges);
    }
    for (uint32_t place = 0; place < REGEX_PLACES; place++) {
        const regex_literal *l = &p->literals.at[place];
        const char *copy = block != NULL ? block + size : NULL;
        if (copy != NULL) {
            memcpy(block + size, l->bytes, l->length);
        }
        r->literals = place == 0 ? copy : r->literals;
        r->lengths[place] = (uint8_t)l->length;
        size += l->length;
    }
    return size;
}

static regex *pack(heap *h, const regex_program *p, const regex_table *t)
{
    regex measured = {0};
    size_t size = lay_out(&measured, NULL, p, t);
    regex *r = heap_zalloc(h, size);
    if (r != NULL) {
        lay_out(r, (char *)r, p, t);
        r->size = (uint32_t)size;
    }
    return r;
}

regex *regex_compile_as(heap *h, const char *pattern, size_t length, bool with_table,
                        regex_ends *ends)
{
    regex_program program;
    regex_table table = {.heap = h};
    me_error error;
    if (regex_parse(h, pattern, length, &program, &error) != ME_OK) {
        return NULL;
    }
    if (ends != NULL) {
        regex_find_ends(&program, ends);
    }
    regex *r = NULL;
    me_status status = with_table ? regex_table_make(h, &program, &table) : ME_FILTER_LIMIT;
    if (status != ME_NOMEM) {
        r = pack(h, &program, status == ME_OK ? &table : NULL);
    }
    regex_table_free(&table);
    regex_program_free(&program);
    return r;
}

regex *regex_compile(heap *h, const char *pattern, size_t length, regex_ends *ends)
{
    return regex_compile_as(h, pattern, length, true, ends);
}

void regex_free(heap *h, regex *r)
{
    if (r != NULL) {
        heap_free(h, r, r->size);
    }
}

regex_needle regex_literal_at(const regex *r, regex_place place)
{
    const char *bytes = r->literals;
    for (uint32_t before = 0; before < (uint32_t)place; before++) {
        bytes += r->lengths[before];
    }
    return (regex_needle){bytes, r->lengths[place]};
}

/* ---- matching with a table ---------------------------------------------------------------------- */

/* The class of a code point beyond ASCII: that of the last stretch that does not begin after it. */
static uint32_t class_of(const regex *r, uint32_t point)
{
    uint32_t low = 0, high = r->bound_count;
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (r->bounds[middle] <= point) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return r->bound_classes[low];
}

static bool look_up(const regex *r, const char *text, size_t length)
{
    uint32_t row = r->classes; /* the start is row 1 */
    for (size_t at = 0; at < length && row != 0;) {
        unsigned char c = (unsigned char)text[at];
        if (c < 0x80) {
            row = r->cells[row + r->ascii[c]];
            at++;
        } else {
            row = r->cells[row + class_of(r, utf8_next(text, length, &at))];
        }
    }
    return r->accepts[row / r->classes];
}

/* ---- matching with the program ------------------------------------------------------------------ */

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

/* Bytes of scratch: for an instruction two lists that wait, a stack and a mark; for a set what is
 * known of it in this round. */
uint32_t regex_state_words(const regex *r)
{
    size_t bytes = r->count * (3 * sizeof(uint16_t) + sizeof(uint32_t));
    bytes += r->set_count * 2 * sizeof(uint32_t);
    return r->classes != 0 ? 0 : (uint32_t)((bytes + 7) / 8);
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

bool regex_match(const regex *r, const char *text, size_t length, uint64_t *state)
{
    uint64_t steps = 0;
    return r->classes != 0 ? look_up(r, text, length)
                           : regex_follow(r, text, length, state, &steps);
}
