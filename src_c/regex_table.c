/* regex_table.c - a program to a table, where that is small (the subset construction).
 *
 * The columns are there (regex_columns.c). Each row is made from one before it: a row's instructions
 * that take the class, and all that these lead to, are the row that comes next, an old one or a new
 * one.
 */
#include <string.h>

#include "regex_parts.h"
#include "value.h"

#define STATES_MOST 2048u /* a program with more would have more rows than these, too */
#define SLOTS (2 * REGEX_TABLE_ROWS)

typedef struct maker {
    heap *heap;
    const regex_program *program;
    const regex_columns *columns;
    regex_table *table;
    uint64_t *members; /* bits of the instructions of each row, `words` a row */
    uint32_t words, member_cap;
    uint32_t slots[SLOTS]; /* rows by the hash of their members, 0 for empty */
    uint32_t work;         /* instructions passed */
    uint16_t waiting[STATES_MOST], stack[STATES_MOST];
    uint32_t marks[STATES_MOST];
    regex_ways ways;
} maker;

/* Makes `row`, whose members have been written behind those of the others, unless it exists. */
static uint32_t find_row(maker *m, const uint64_t *members)
{
    size_t size = m->words * sizeof *members;
    uint64_t hash = hash_bytes((const char *)members, size, 0);
    uint32_t i = (uint32_t)(hash >> 32) % SLOTS;
    while (m->slots[i] != 0) {
        if (memcmp(m->members + (size_t)m->slots[i] * m->words, members, size) == 0) {
            return m->slots[i];
        }
        i = (i + 1) % SLOTS;
    }
    m->slots[i] = m->table->rows;
    return m->table->rows;
}

/* Room for one row more, and its members. */
static me_status row_room(maker *m)
{
    regex_table *t = m->table;
    uint32_t rows = t->rows + 1, cells = rows * m->columns->classes;
    if (rows > REGEX_TABLE_ROWS || cells > REGEX_TABLE_CELLS) {
        return ME_FILTER_LIMIT;
    }
    bool room =
        heap_reserve(m->heap, &m->members, &m->member_cap, rows * m->words, sizeof *m->members) &&
        heap_reserve(m->heap, &t->accepts, &t->accept_cap, rows, 1) &&
        heap_reserve(m->heap, &t->cells, &t->cell_cap, cells, sizeof *t->cells);
    return room ? ME_OK : ME_NOMEM;
}

/* The row of what is waiting, a new one when there is none yet. */
static me_status row_of_waiting(maker *m, uint32_t *row)
{
    regex_table *t = m->table;
    if (m->ways.count == 0) {
        *row = 0;
        return ME_OK;
    }
    me_status status = row_room(m);
    if (status != ME_OK) {
        return status;
    }
    uint64_t *members = m->members + (size_t)t->rows * m->words;
    memset(members, 0, m->words * sizeof *members);
    bool accepts = false;
    for (uint32_t i = 0; i < m->ways.count; i++) {
        uint32_t at = m->ways.waiting[i];
        members[at / 64] |= UINT64_C(1) << at % 64;
        accepts = accepts || m->program->code[at].op == REGEX_END;
    }
    *row = find_row(m, members);
    if (*row == t->rows) {
        t->accepts[t->rows++] = accepts;
    }
    return ME_OK;
}

/* What is waiting when a code point of this class comes in this row. */
static void step(maker *m, uint32_t row, uint32_t class)
{
    const uint64_t *members = m->members + (size_t)row * m->words;
    const uint64_t *takes = m->columns->masks + (size_t)class * m->words;
    regex_ways_start(&m->ways);
    for (uint32_t word = 0; word < m->words; word++) {
        m->work++;
        for (uint64_t bits = members[word] & takes[word]; bits != 0; bits &= bits - 1) {
            m->work += regex_ways_add(&m->ways, word * 64 + regex_lowest(bits) + 1);
        }
    }
}

static me_status make_row(maker *m, uint32_t row)
{
    regex_table *t = m->table;
    uint32_t classes = m->columns->classes;
    for (uint32_t class = 0; class < classes; class++) {
        uint32_t next;
        step(m, row, class);
        me_status status = row_of_waiting(m, &next);
        if (status != ME_OK) {
            return status;
        }
        t->cells[row * classes + class] = (uint16_t)(next * classes);
        if (m->work > REGEX_TABLE_WORK) {
            return ME_FILTER_LIMIT;
        }
    }
    return ME_OK;
}

static me_status make_rows(maker *m)
{
    regex_table *t = m->table;
    me_status status = row_room(m);
    if (status != ME_OK) {
        return status;
    }
    memset(m->members, 0, m->words * sizeof *m->members);
    memset(t->cells, 0, m->columns->classes * sizeof *t->cells);
    t->accepts[0] = false;
    t->rows = 1;
    uint32_t first;
    regex_ways_start(&m->ways);
    regex_ways_add(&m->ways, 0);
    status = row_of_waiting(m, &first);
    for (uint32_t row = 1; status == ME_OK && row < t->rows; row++) {
        status = make_row(m, row);
    }
    return status;
}

me_status regex_table_make(heap *h, const regex_program *p, const regex_columns *c,
                           regex_table *out)
{
    *out = (regex_table){.heap = h};
    if (p->count > STATES_MOST) {
        return ME_FILTER_LIMIT;
    }
    maker *m = heap_zalloc(h, sizeof *m);
    if (m == NULL) {
        return ME_NOMEM;
    }
    m->heap = h;
    m->program = p;
    m->columns = c;
    m->words = c->words;
    m->table = out;
    m->ways =
        (regex_ways){.code = p->code, .waiting = m->waiting, .stack = m->stack, .marks = m->marks};
    me_status status = make_rows(m);
    heap_free(h, m->members, m->member_cap * sizeof *m->members);
    heap_free(h, m, sizeof *m);
    return status;
}

void regex_table_free(regex_table *t)
{
    heap_free(t->heap, t->cells, t->cell_cap * sizeof *t->cells);
    heap_free(t->heap, t->accepts, t->accept_cap);
    *t = (regex_table){.heap = t->heap};
}
