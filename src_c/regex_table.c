/* regex_table.c - a program to a table, where that is small (the subset construction).
 *
 * First the columns. Where some set begins or ends, code points may differ; between two such places
 * they do not. So the places cut the code points into stretches, a stretch has a signature (bit i:
 * set i has it), and stretches with one signature are one class:
 *
 *     sets         [a-m]  [h-z]                  code points   ..  a .. g  h .. m  n .. z  ..
 *                                                signature     00    01      11      10    00
 *
 * Then the rows, each from one before it: a row's instructions that take the class, and all that
 * these lead to, are the row that comes next, an old one or a new one.
 */
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "regex_parts.h"
#include "value.h"

#define SETS_MOST 64u /* bits of a signature */
#define CUTS_MOST 8192u
#define CLASSES_MOST 256u
#define SLOTS (2 * REGEX_TABLE_ROWS)

typedef struct maker {
    heap *heap;
    const regex_program *program;
    regex_table *table;
    uint32_t *cuts; /* first code points of stretches; the first is 0 */
    uint32_t cut_count, cut_cap;
    uint64_t *signatures; /* of stretches */
    uint32_t signature_cap;
    uint64_t classes[CLASSES_MOST]; /* their signatures */
    uint64_t *members;              /* bits of the instructions of each row, `words` a row */
    uint32_t words, member_cap;
    uint32_t slots[SLOTS]; /* rows by the hash of their members, 0 for empty */
    uint32_t work;         /* instructions passed */
    uint16_t waiting[REGEX_STATES], stack[REGEX_STATES];
    uint32_t marks[REGEX_STATES];
    regex_ways ways;
} maker;

/* ---- columns ------------------------------------------------------------------------------------ */

static int by_value(const void *a, const void *b)
{
    const uint32_t *p = a, *q = b;
    return (*p > *q) - (*p < *q);
}

/* Where sets begin and end, and 0 and 0x80, in order and each once. */
static me_status cut(maker *m)
{
    const regex_sets *sets = &m->program->sets;
    if (sets->count > SETS_MOST || 2 * sets->range_count + 2 > CUTS_MOST) {
        return ME_FILTER_LIMIT;
    }
    uint32_t room = 2 * sets->range_count + 2, count = 0;
    if (!heap_reserve(m->heap, &m->cuts, &m->cut_cap, room, sizeof *m->cuts) ||
        !heap_reserve(m->heap, &m->signatures, &m->signature_cap, room, sizeof *m->signatures)) {
        return ME_NOMEM;
    }
    m->cuts[count++] = 0;
    m->cuts[count++] = 0x80;
    for (uint32_t i = 0; i < sets->range_count; i++) {
        m->cuts[count++] = sets->ranges[i].first;
        m->cuts[count++] = sets->ranges[i].last + 1; /* may be beyond the last code point */
    }
    qsort(m->cuts, count, sizeof *m->cuts, by_value);
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 || m->cuts[i] != m->cuts[i - 1]) {
            m->cuts[m->cut_count++] = m->cuts[i];
        }
    }
    return ME_OK;
}

static void sign(maker *m)
{
    const regex_sets *sets = &m->program->sets;
    memset(m->signatures, 0, m->cut_count * sizeof *m->signatures);
    for (uint32_t s = 0; s < sets->count; s++) {
        const regex_range *range = sets->ranges + sets->all[s].start;
        uint32_t stretch = 0;
        for (uint32_t i = 0; i < sets->all[s].count; i++, range++) {
            while (m->cuts[stretch] < range->first) {
                stretch++;
            }
            for (; stretch < m->cut_count && m->cuts[stretch] <= range->last; stretch++) {
                m->signatures[stretch] |= UINT64_C(1) << s;
            }
        }
    }
}

/* The class of a signature, a new one when it has none; CLASSES_MOST: too many. */
static uint32_t class_of(maker *m, uint64_t signature)
{
    uint32_t c = 0;
    while (c < m->table->classes && m->classes[c] != signature) {
        c++;
    }
    if (c == m->table->classes && c < CLASSES_MOST) {
        m->classes[m->table->classes++] = signature;
    }
    return c;
}

static me_status make_columns(maker *m)
{
    regex_table *t = m->table;
    me_status status = cut(m);
    if (status != ME_OK) {
        return status;
    }
    sign(m);
    if (!heap_reserve(m->heap, &t->bounds, &t->bound_cap, m->cut_count, sizeof *t->bounds) ||
        !heap_reserve(m->heap, &t->bound_classes, &t->bound_class_cap, m->cut_count, 1)) {
        return ME_NOMEM;
    }
    for (uint32_t i = 0; i < m->cut_count; i++) {
        uint32_t class = class_of(m, m->signatures[i]);
        uint32_t end = i + 1 < m->cut_count ? m->cuts[i + 1] : UINT32_MAX;
        if (class == CLASSES_MOST) {
            return ME_FILTER_LIMIT;
        }
        for (uint32_t c = m->cuts[i]; c < end && c < 0x80; c++) {
            t->ascii[c] = (uint8_t)class;
        }
        bool news = t->bound_count == 0 || t->bound_classes[t->bound_count - 1] != class;
        if (m->cuts[i] >= 0x80 && news) {
            t->bounds[t->bound_count] = m->cuts[i];
            t->bound_classes[t->bound_count++] = (uint8_t)class;
        }
    }
    return ME_OK;
}

/* ---- rows --------------------------------------------------------------------------------------- */

/* Makes `row`, whose members have been written behind those of the others, unless it exists. */
static uint32_t find_row(maker *m, const uint64_t *members)
{
    size_t size = m->words * sizeof *members;
    uint64_t hash = hash_bytes((const char *)members, size, HASH_K1);
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
    uint32_t rows = t->rows + 1;
    if (rows > REGEX_TABLE_ROWS || rows * t->classes > REGEX_TABLE_CELLS) {
        return ME_FILTER_LIMIT;
    }
    bool room =
        heap_reserve(m->heap, &m->members, &m->member_cap, rows * m->words, sizeof *m->members) &&
        heap_reserve(m->heap, &t->accepts, &t->accept_cap, rows, 1) &&
        heap_reserve(m->heap, &t->cells, &t->cell_cap, rows * t->classes, sizeof *t->cells);
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

static uint32_t lowest_bit(uint64_t bits)
{
#if defined(__GNUC__)
    return (uint32_t)__builtin_ctzll(bits);
#else
    uint32_t at = 0;
    while ((bits >> at & 1) == 0) {
        at++;
    }
    return at;
#endif
}

/* What is waiting when a code point of this class comes in this row. */
static void step(maker *m, uint32_t row, uint32_t class)
{
    regex_ways_start(&m->ways);
    for (uint32_t word = 0; word < m->words; word++) {
        uint64_t bits = m->members[(size_t)row * m->words + word];
        for (; bits != 0; bits &= bits - 1, m->work++) {
            uint32_t at = word * 64 + lowest_bit(bits);
            const regex_instruction *code = &m->program->code[at];
            if (code->op == REGEX_SET && (m->classes[class] >> code->set & 1) != 0) {
                m->work += regex_ways_add(&m->ways, at + 1);
            }
        }
    }
}

static me_status make_row(maker *m, uint32_t row)
{
    regex_table *t = m->table;
    for (uint32_t class = 0; class < t->classes; class++) {
        uint32_t next;
        step(m, row, class);
        me_status status = row_of_waiting(m, &next);
        if (status != ME_OK) {
            return status;
        }
        t->cells[row * t->classes + class] = (uint16_t)(next * t->classes);
        if (m->work > REGEX_TABLE_WORK) {
            return ME_FILTER_LIMIT;
        }
    }
    return ME_OK;
}

static me_status make_rows(maker *m)
{
    regex_table *t = m->table;
    m->words = (m->program->count + 63) / 64;
    me_status status = row_room(m);
    if (status != ME_OK) {
        return status;
    }
    memset(m->members, 0, m->words * sizeof *m->members);
    memset(t->cells, 0, t->classes * sizeof *t->cells);
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

me_status regex_table_make(heap *h, const regex_program *p, regex_table *out)
{
    *out = (regex_table){.heap = h};
    maker *m = heap_zalloc(h, sizeof *m);
    if (m == NULL) {
        return ME_NOMEM;
    }
    m->heap = h;
    m->program = p;
    m->table = out;
    m->ways =
        (regex_ways){.code = p->code, .waiting = m->waiting, .stack = m->stack, .marks = m->marks};
    me_status status = make_columns(m);
    if (status == ME_OK) {
        status = make_rows(m);
    }
    heap_free(h, m->cuts, m->cut_cap * sizeof *m->cuts);
    heap_free(h, m->signatures, m->signature_cap * sizeof *m->signatures);
    heap_free(h, m->members, m->member_cap * sizeof *m->members);
    heap_free(h, m, sizeof *m);
    return status;
}

void regex_table_free(regex_table *t)
{
    heap_free(t->heap, t->cells, t->cell_cap * sizeof *t->cells);
    heap_free(t->heap, t->accepts, t->accept_cap);
    heap_free(t->heap, t->bounds, t->bound_cap * sizeof *t->bounds);
    heap_free(t->heap, t->bound_classes, t->bound_class_cap);
    *t = (regex_table){.heap = t->heap};
}
