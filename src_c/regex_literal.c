/* regex_literal.c - what every string of a regex must hold, from what its parts must hold; how it
 * may begin and end.
 *
 *     part            start   finish   inner     exact
 *     cat             cat     cat      cat       yes
 *     [ab]            -       -        -         no
 *     cat[ab]s?       cat     -        cat       no
 *     x[ab]cats       x       cats     cats      no
 *     cats|cars       ca      s        ca        no      common beginning, end, and middle
 *     (ab){2,}        abab    abab     abab      no
 *
 * A piece is cut off at REGEX_LITERAL bytes, so every step takes constant time. What is cut may be
 * half a code point: needles are bytes.
 */
#include <string.h>

#include "regex_parts.h"
#include "value.h"

regex_literals regex_literals_none(void)
{
    return (regex_literals){.exact = false};
}

regex_literals regex_literals_exact(const char *bytes, size_t length)
{
    regex_literals l = {.exact = true};
    for (uint32_t place = 0; place < REGEX_PLACES; place++) {
        l.at[place].length = (uint32_t)length;
        if (length > 0) {
            memcpy(l.at[place].bytes, bytes, length);
        }
    }
    return l;
}

/* The two one after the other, of which the first bytes are kept, or the last. */
static regex_literal append(const regex_literal *a, const regex_literal *b, bool last)
{
    char both[2 * REGEX_LITERAL];
    memcpy(both, a->bytes, a->length);
    memcpy(both + a->length, b->bytes, b->length);
    uint32_t length = a->length + b->length;
    uint32_t kept = length < REGEX_LITERAL ? length : REGEX_LITERAL;
    regex_literal l = {.length = kept};
    memcpy(l.bytes, both + (last ? length - kept : 0), kept);
    return l;
}

static const regex_literal *longer(const regex_literal *a, const regex_literal *b)
{
    return a->length >= b->length ? a : b;
}

regex_literals regex_literals_join(const regex_literals *a, const regex_literals *b)
{
    regex_literals l = {.exact = false};
    const regex_literal *a_at = a->at, *b_at = b->at;
    l.exact = a->exact && b->exact &&
              a_at[REGEX_START].length + b_at[REGEX_START].length <= REGEX_LITERAL;
    l.at[REGEX_START] =
        a->exact ? append(&a_at[REGEX_START], &b_at[REGEX_START], false) : a_at[REGEX_START];
    l.at[REGEX_FINISH] =
        b->exact ? append(&a_at[REGEX_FINISH], &b_at[REGEX_FINISH], true) : b_at[REGEX_FINISH];
    regex_literal seam = append(&a_at[REGEX_FINISH], &b_at[REGEX_START], false);
    l.at[REGEX_INNER] = *longer(&seam, longer(&a_at[REGEX_INNER], &b_at[REGEX_INNER]));
    return l;
}

static regex_literal common_start(const regex_literal *a, const regex_literal *b)
{
    regex_literal l = {.length = 0};
    while (l.length < a->length && l.length < b->length &&
           a->bytes[l.length] == b->bytes[l.length]) {
        l.bytes[l.length] = a->bytes[l.length];
        l.length++;
    }
    return l;
}

static regex_literal common_finish(const regex_literal *a, const regex_literal *b)
{
    regex_literal l = {.length = 0};
    while (l.length < a->length && l.length < b->length &&
           a->bytes[a->length - 1 - l.length] == b->bytes[b->length - 1 - l.length]) {
        l.length++;
    }
    memcpy(l.bytes, a->bytes + a->length - l.length, l.length);
    return l;
}

/* The longest stretch that both have. */
static regex_literal common_inner(const regex_literal *a, const regex_literal *b)
{
    regex_literal best = {.length = 0};
    for (uint32_t i = 0; i < a->length; i++) {
        for (uint32_t j = 0; j < b->length; j++) {
            uint32_t n = 0;
            while (i + n < a->length && j + n < b->length && a->bytes[i + n] == b->bytes[j + n]) {
                n++;
            }
            if (n > best.length) {
                best.length = n;
                memcpy(best.bytes, a->bytes + i, n);
            }
        }
    }
    return best;
}

regex_literals regex_literals_either(const regex_literals *a, const regex_literals *b)
{
    const regex_literal *x = &a->at[REGEX_START], *y = &b->at[REGEX_START];
    regex_literals l = {.exact = false};
    l.exact = a->exact && b->exact && x->length == y->length &&
              memcmp(x->bytes, y->bytes, x->length) == 0;
    l.at[REGEX_START] = common_start(x, y);
    l.at[REGEX_FINISH] = common_finish(&a->at[REGEX_FINISH], &b->at[REGEX_FINISH]);
    l.at[REGEX_INNER] = common_inner(&a->at[REGEX_INNER], &b->at[REGEX_INNER]);
    l.at[REGEX_INNER] =
        *longer(&l.at[REGEX_INNER], longer(&l.at[REGEX_START], &l.at[REGEX_FINISH]));
    return l;
}

/* The first `least` are there in any case, and so are the last: what more there is lies between. */
regex_literals regex_literals_repeat(const regex_literals *a, uint32_t least, uint32_t most)
{
    if (most == 0) {
        return regex_literals_exact("", 0);
    }
    if (least == 0) {
        return regex_literals_none();
    }
    regex_literals l = *a;
    for (uint32_t i = 1; i < least && i <= REGEX_LITERAL; i++) { /* then it is full, or stays */
        l = regex_literals_join(&l, a);
    }
    l.exact = l.exact && (least == most || l.at[REGEX_START].length == 0);
    return l;
}

/* ---- ends --------------------------------------------------------------------------------------- */

static void add_bytes(uint64_t bits[4], uint32_t first, uint32_t last)
{
    for (uint32_t byte = first; byte <= last; byte++) {
        bits[byte / 64] |= UINT64_C(1) << byte % 64;
    }
}

static unsigned char lead_byte(uint32_t point)
{
    char bytes[4];
    utf8_put(bytes, point);
    return (unsigned char)bytes[0];
}

/* Adds the first bytes, or the last ones, of the code points in a set. */
static void add_set(uint64_t bits[4], const regex_sets *sets, const regex_set *set, bool last)
{
    const regex_range *range = sets->ranges + set->start;
    for (uint32_t i = 0; i < set->count; i++, range++) {
        if (range->first < 0x80) {
            add_bytes(bits, range->first, range->last < 0x80 ? range->last : 0x7F);
        }
        if (range->last >= 0x80 && last) {
            add_bytes(bits, 0x80, 0xBF);
        } else if (range->last >= 0x80) {
            uint32_t from = range->first < 0x80 ? 0x80 : range->first;
            add_bytes(bits, lead_byte(from), lead_byte(range->last));
        }
    }
}

/* A split that leads back repeats a block from its start, which cannot be left in another way than
 * past the split. So one pass over the other jumps, which all lead on, reaches everything: forwards
 * from the start, backwards from the end. */
bool regex_find_ends(const regex_program *p, regex_ends *out)
{
    size_t size = 2 * ((size_t)p->count + 1);
    bool *begins = heap_zalloc(p->heap, size);
    if (begins == NULL) {
        return false;
    }
    bool *ends = begins + p->count + 1;
    begins[0] = true;
    *out = (regex_ends){.empty = false};
    for (uint32_t i = 0; i < p->count; i++) {
        const regex_instruction *code = &p->code[i];
        if (begins[i] && code->op == REGEX_SET) {
            add_set(out->first, &p->sets, &p->sets.all[code->set], false);
        } else if (begins[i] && code->op != REGEX_END) {
            begins[i + 1] |= code->op == REGEX_SPLIT;
            begins[code->jump > 0 ? i + (uint32_t)code->jump : i] = true;
        }
    }
    out->empty = begins[p->count - 1];
    for (uint32_t i = p->count; i-- > 0;) {
        const regex_instruction *code = &p->code[i];
        if (code->op == REGEX_SET && ends[i + 1]) {
            add_set(out->last, &p->sets, &p->sets.all[code->set], true);
        }
        bool on = code->op == REGEX_SPLIT && ends[i + 1];
        bool ahead = code->jump > 0 && ends[i + (uint32_t)code->jump];
        ends[i] = code->op == REGEX_END || on || ahead;
    }
    heap_free(p->heap, begins, size);
    return true;
}
