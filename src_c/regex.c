/* regex.c - a compiled regex in one block of memory, and matching with it. */
#include <stdio.h>
#include <string.h>

#include "regex_parts.h"

/* ---- compiling ---------------------------------------------------------------------------------- */

me_status regex_check(heap *h, const char *pattern, size_t length, const me_limits *limits,
                      uint64_t *states, me_error *error)
{
    regex_program program;
    me_status status = regex_parse(h, pattern, length, limits, &program, error);
    if (status != ME_OK) {
        return status;
    }
    *states += program.count;
    regex_program_free(&program);
    if (*states > limits->filter_states) {
        snprintf(error->message, sizeof error->message,
                 "the regexes of the filter exceed the limit filter_states, which is %llu",
                 (unsigned long long)limits->filter_states);
        error->offset = 0;
        error->limit = "filter_states";
        error->value = *states;
        return ME_FILTER_LIMIT;
    }
    return ME_OK;
}

/* Copies a part to the end of what has been copied; without a block it is only measured. */
static const void *copy_part(char *block, size_t *size, const void *part, size_t length)
{
    size_t at = (*size + 7) / 8 * 8;
    *size = at + length;
    if (block == NULL) {
        return NULL;
    }
    if (length > 0) {
        memcpy(block + at, part, length);
    }
    return block + at;
}

/* What a regex is made from. */
typedef struct source {
    regex_form form;
    regex_program program;
    regex_columns columns;
    regex_table table;
} source;

static void lay_out_columns(regex *r, char *block, const regex_columns *c, size_t *size)
{
    r->classes = c->classes;
    r->bound_count = c->bound_count;
    r->bounds = copy_part(block, size, c->bounds, c->bound_count * sizeof *c->bounds);
    r->bound_classes = copy_part(block, size, c->bound_classes, c->bound_count);
    r->ascii = copy_part(block, size, c->ascii, sizeof c->ascii);
}

static void lay_out_bits(regex *r, char *block, const source *s, size_t *size)
{
    const regex_columns *c = &s->columns;
    size_t row = c->words * sizeof *c->masks;
    r->words = c->words;
    r->masks = copy_part(block, size, c->masks, c->classes * row);
    r->settled = copy_part(block, size, c->masks, row);
    if (block != NULL) {
        uint64_t *settled = (uint64_t *)(void *)(block + *size - row);
        memset(settled, 0, row);
        for (uint32_t i = 0; i < r->count; i++) {
            uint16_t op = s->program.code[i].op;
            settled[i / 64] |= (uint64_t)(op == REGEX_SET || op == REGEX_END) << i % 64;
        }
    }
}

/* Fills `r`, which lies at the start of the block if there is one. Returns the size of it all. */
static size_t lay_out(regex *r, char *block, const source *s)
{
    const regex_program *p = &s->program;
    const regex_table *t = &s->table;
    size_t size = sizeof *r;
    r->form = s->form;
    r->count = p->count;
    if (s->form == REGEX_TABLE) {
        uint32_t cells = t->rows * s->columns.classes;
        r->cells = copy_part(block, &size, t->cells, cells * sizeof *t->cells);
        r->accepts = copy_part(block, &size, t->accepts, t->rows);
    } else {
        r->code = copy_part(block, &size, p->code, p->count * sizeof *p->code);
    }
    if (s->form == REGEX_BITS) {
        lay_out_bits(r, block, s, &size);
    }
    if (s->form == REGEX_PROGRAM) {
        const regex_sets *sets = &p->sets;
        r->set_count = sets->count;
        r->sets = copy_part(block, &size, sets->all, sets->count * sizeof *sets->all);
        r->ranges = copy_part(block, &size, sets->ranges, sets->range_count * sizeof *sets->ranges);
    } else {
        lay_out_columns(r, block, &s->columns, &size);
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

static regex *pack(heap *h, const source *s)
{
    regex measured = {0};
    size_t size = lay_out(&measured, NULL, s);
    regex *r = heap_zalloc(h, size);
    if (r != NULL) {
        lay_out(r, (char *)r, s);
        r->size = (uint32_t)size;
    }
    return r;
}

/* The quickest form from `quickest` on that is not too large. */
static me_status choose_form(heap *h, source *s, regex_form quickest)
{
    s->form = REGEX_PROGRAM;
    if (quickest == REGEX_PROGRAM) {
        return ME_OK;
    }
    me_status status = regex_columns_make(h, &s->program, &s->columns);
    if (status == ME_OK) {
        s->form = REGEX_BITS;
        if (quickest == REGEX_TABLE) {
            status = regex_table_make(h, &s->program, &s->columns, &s->table);
            s->form = status == ME_OK ? REGEX_TABLE : REGEX_BITS;
        }
    }
    return status == ME_NOMEM ? ME_NOMEM : ME_OK;
}

regex *regex_compile_as(heap *h, const char *pattern, size_t length, regex_form quickest,
                        regex_ends *ends)
{
    source s = {.columns.heap = h, .table.heap = h};
    me_error error;
    if (regex_parse(h, pattern, length, NULL, &s.program, &error) != ME_OK) {
        return NULL;
    }
    regex *r = NULL;
    if ((ends == NULL || regex_find_ends(&s.program, ends)) &&
        choose_form(h, &s, quickest) == ME_OK) {
        r = pack(h, &s);
    }
    regex_table_free(&s.table);
    regex_columns_free(&s.columns);
    regex_program_free(&s.program);
    return r;
}

regex *regex_compile(heap *h, const char *pattern, size_t length, regex_ends *ends)
{
    return regex_compile_as(h, pattern, length, REGEX_TABLE, ends);
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

/* ---- matching ----------------------------------------------------------------------------------- */

/* That of the last stretch that does not begin after the code point. */
uint32_t regex_class_of(const regex *r, uint32_t point)
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
        row = r->cells[row + regex_class_at(r, text, length, &at)];
    }
    return r->accepts[row / r->classes];
}

uint32_t regex_state_words(const regex *r)
{
    if (r->form == REGEX_TABLE) {
        return 0;
    }
    size_t bytes = r->form == REGEX_BITS ? regex_bits_bytes(r) : regex_follow_bytes(r);
    return (uint32_t)((bytes + 7) / 8);
}

bool regex_match(const regex *r, const char *text, size_t length, uint64_t *state, uint64_t *rows)
{
    uint64_t steps = 0;
    switch (r->form) {
    case REGEX_TABLE:
        return look_up(r, text, length);
    case REGEX_BITS:
        return regex_match_bits(r, text, length, state, rows);
    default:
        return regex_follow(r, text, length, state, &steps);
    }
}
