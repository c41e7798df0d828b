#include "like.h"

#include "like_masks.h"

/* State that like_match keeps on its own stack: cores of 16,384 code points. */
#define STACK_WORDS 256u

#define CUT ((char)0xFE) /* stands for `%` while a pattern is taken apart */

typedef struct like_core {
    uint32_t at;       /* its bytes in the pattern's text */
    uint32_t length;   /* in bytes; only the head and the tail may be empty */
    uint32_t points;   /* in code points */
    uint32_t skip;     /* code points at least between the core before and this one */
    bool wild;         /* has `_` */
    like_masks *masks; /* of a wild core in the middle, else NULL */
} like_core;

/* Invariants:
 *   I1  without `%` there is one core, which is the whole pattern
 *   I2  else cores[0] is the head, the last is the tail, and no core borders on `%` with a `_`
 *   I3  borders[at + i] of a literal core in the middle is the length of the longest proper prefix
 *       of its first i + 1 bytes that also ends them (Knuth, Morris, Pratt) */
struct like_pattern {
    uint32_t count;        /* of cores */
    uint32_t bytes_length; /* of all cores */
    uint32_t state_words;  /* of its largest wild core in the middle */
    bool open;             /* has `%` */
    bool fold;
    size_t room;       /* of `bytes` */
    char *bytes;       /* the cores one after the other, LIKE_ANY for `_` */
    uint32_t *borders; /* one per byte; NULL when there is nothing to search */
    like_core cores[];
};

/* ---- compiling ------------------------------------------------------------------------------ */

/* Rewrites the pattern into `out` (twice its length is enough: no code point of two bytes or more
 * folds to more than twice its size). Returns the bytes written. */
static size_t decode(const char *pattern, size_t length, const char *escape, size_t escape_length,
                     bool fold, char *out)
{
    size_t n = 0;
    for (size_t at = 0; at < length;) {
        bool literal = escape_length != 0 && length - at > escape_length &&
                       memcmp(pattern + at, escape, escape_length) == 0;
        if (literal) {
            at += escape_length;
        } else if (pattern[at] == '%' || pattern[at] == '_') {
            out[n++] = pattern[at++] == '%' ? CUT : LIKE_ANY;
            continue;
        }
        n += utf8_put(out + n, like_next(pattern, length, &at, fold));
    }
    return n;
}

/* Cores that the coded pattern makes: stretches between `%` that hold a literal, and two ends. */
static uint32_t count_cores(const char *code, size_t length)
{
    uint32_t cores = 2;
    bool middle = false, literal = false;
    for (size_t i = 0; i < length; i++) {
        if (code[i] == CUT) {
            cores += middle && literal;
            middle = true;
            literal = false;
        } else if (code[i] != LIKE_ANY) {
            literal = true;
        }
    }
    return cores;
}

static size_t struct_size(uint32_t count)
{
    return sizeof(like_pattern) + count * sizeof(like_core);
}

/* Appends a stretch as a core; its bytes move down over the `%` before it. */
static void put_core(like_pattern *p, size_t start, size_t length, uint32_t skip)
{
    const char *code = p->bytes + start;
    like_core *core = &p->cores[p->count++];
    *core = (like_core){.at = p->bytes_length, .length = (uint32_t)length, .skip = skip};
    for (size_t i = 0; i < length; i++) {
        core->wild = core->wild || code[i] == LIKE_ANY;
        core->points += (code[i] & 0xC0) != 0x80;
    }
    memmove(p->bytes + p->bytes_length, code, length);
    p->bytes_length += (uint32_t)length;
}

/* Cuts the coded pattern at `%`. A `_` next to a `%` moves into the gap. */
static void cut_cores(like_pattern *p, size_t length)
{
    const char *code = p->bytes;
    uint32_t skip = 0;
    size_t from = 0;
    for (size_t end = 0; end <= length; end++) {
        if (end < length && code[end] != CUT) {
            continue;
        }
        bool first = p->count == 0, last = end == length;
        size_t start = from, stop = end;
        while (!last && stop > start && code[stop - 1] == LIKE_ANY) {
            stop--;
        }
        while (!first && start < stop && code[start] == LIKE_ANY) {
            start++;
        }
        uint32_t before = (uint32_t)(start - from), after = (uint32_t)(end - stop);
        if (first || last || start < stop) {
            put_core(p, start, stop - start, skip + before);
            skip = after;
        } else {
            skip += before + after;
        }
        from = end + 1;
    }
}

static void build_borders(const char *core, uint32_t length, uint32_t *borders)
{
    borders[0] = 0;
    for (uint32_t i = 1, border = 0; i < length; i++) {
        while (border != 0 && core[border] != core[i]) {
            border = borders[border - 1];
        }
        border += core[border] == core[i];
        borders[i] = border;
    }
}

/* What the search for the cores in the middle needs. */
static bool prepare_search(heap *h, like_pattern *p)
{
    for (uint32_t i = 1; i + 1 < p->count; i++) {
        like_core *core = &p->cores[i];
        if (core->wild) {
            core->masks = like_masks_new(h, p->bytes + core->at, core->length, core->points);
            if (core->masks == NULL) {
                return false;
            }
            uint32_t words = like_masks_words(core->masks);
            p->state_words = words > p->state_words ? words : p->state_words;
            continue;
        }
        if (p->borders == NULL) {
            p->borders = heap_alloc(h, p->bytes_length * sizeof *p->borders);
            if (p->borders == NULL) {
                return false;
            }
        }
        build_borders(p->bytes + core->at, core->length, p->borders + core->at);
    }
    return true;
}

/* A pattern whose `bytes` are `code`, of which it becomes the owner. NULL: no memory. */
static like_pattern *build(heap *h, char *code, size_t room, size_t length, bool fold)
{
    bool open = memchr(code, CUT, length) != NULL;
    uint32_t cores = open ? count_cores(code, length) : 1;
    like_pattern *p = heap_zalloc(h, struct_size(cores));
    if (p == NULL) {
        return NULL;
    }
    p->open = open;
    p->fold = fold;
    p->bytes = code;
    p->room = room;
    cut_cores(p, length);
    if (p->bytes_length != 0 && p->bytes_length < room) {
        char *trimmed = heap_resize(h, code, room, p->bytes_length);
        if (trimmed != NULL) {
            p->bytes = trimmed;
            p->room = p->bytes_length;
        }
    }
    return p;
}

like_pattern *like_compile(heap *h, const char *pattern, size_t length, const char *escape,
                           size_t escape_length, bool fold)
{
    if (length > UINT32_MAX / 4) {
        return NULL;
    }
    size_t room = (fold ? 2 * length : length) + 1;
    char *code = heap_alloc(h, room);
    if (code == NULL) {
        return NULL;
    }
    size_t coded = decode(pattern, length, escape, escape_length, fold, code);
    like_pattern *p = build(h, code, room, coded, fold);
    if (p == NULL) {
        heap_free(h, code, room);
        return NULL;
    }
    if (!prepare_search(h, p)) {
        like_free(h, p);
        return NULL;
    }
    return p;
}

void like_free(heap *h, like_pattern *p)
{
    if (p == NULL) {
        return;
    }
    for (uint32_t i = 0; i < p->count; i++) {
        like_masks_free(h, p->cores[i].masks);
    }
    heap_free(h, p->borders, p->bytes_length * sizeof *p->borders);
    heap_free(h, p->bytes, p->room);
    heap_free(h, p, struct_size(p->count));
}

/* ---- matching ------------------------------------------------------------------------------- */

/* The text being matched. */
typedef struct subject {
    const char *text;
    size_t length;
    bool fold;       /* fold each code point of the text */
    uint64_t *state; /* scratch for Shift-And; NULL when there is not enough */
    size_t budget;   /* what find_literal may still lose, over all cores */
} subject;

/* Does the core stand at `*at`? Moves `*at` past it if so. */
static bool agrees(const like_pattern *p, const like_core *core, const subject *s, size_t *at)
{
    const char *bytes = p->bytes + core->at;
    if (!core->wild && !s->fold) {
        bool same =
            core->length <= s->length - *at && memcmp(bytes, s->text + *at, core->length) == 0;
        *at += same ? core->length : 0;
        return same;
    }
    size_t to = *at;
    for (size_t i = 0; i < core->length;) {
        if (to == s->length) {
            return false;
        }
        if (bytes[i] == LIKE_ANY) {
            to = like_step(s->text, s->length, to);
            i++;
        } else if (like_next(bytes, core->length, &i, false) !=
                   like_next(s->text, s->length, &to, s->fold)) {
            return false;
        }
    }
    *at = to;
    return true;
}

/* Where a text ends that has `points` code points after it; SIZE_MAX when it is shorter. */
static size_t step_back(const subject *s, const like_core *tail)
{
    size_t at = s->length;
    if (!tail->wild && !s->fold) {
        return tail->length <= at ? at - tail->length : SIZE_MAX;
    }
    for (uint32_t n = tail->points; n != 0; n--) {
        if (at == 0) {
            return SIZE_MAX;
        }
        do {
            at--;
        } while (((unsigned char)s->text[at] & 0xC0) == 0x80);
    }
    return at;
}

/* Passes over `points` code points before `end`. */
static bool skip(const subject *s, uint32_t points, size_t *at, size_t end)
{
    size_t to = *at;
    for (; points != 0; points--) {
        if (to >= end) {
            return false;
        }
        to = like_step(s->text, end, to);
    }
    *at = to;
    return true;
}

/* Knuth-Morris-Pratt over the bytes of the text, or of its fold. Returns where the leftmost
 * occurrence ends, or SIZE_MAX. */
static size_t find_by_borders(const like_pattern *p, const like_core *core, const subject *s,
                              size_t at, size_t end)
{
    const char *bytes = p->bytes + core->at;
    const uint32_t *borders = p->borders + core->at;
    uint32_t same = 0;
    while (at < end) {
        char read[4];
        size_t count = 1;
        if (s->fold) {
            count = utf8_put(read, like_next(s->text, end, &at, true));
        } else {
            read[0] = s->text[at++];
        }
        for (size_t i = 0; i < count; i++) {
            while (same != 0 && bytes[same] != read[i]) {
                same = borders[same - 1];
            }
            same += bytes[same] == read[i];
        }
        if (same == core->length) { /* a core ends where a code point does */
            return at;
        }
    }
    return SIZE_MAX;
}

/* The same for a plain text: jumps to each first byte, until the places where it was wrong have
 * cost as much as the whole text should. */
static size_t find_literal(const like_pattern *p, const like_core *core, subject *s, size_t at,
                           size_t end)
{
    const char *bytes = p->bytes + core->at;
    size_t length = core->length, cost = 8 + length / 8;
    while (end - at >= length) {
        const char *next = memchr(s->text + at, bytes[0], end - at - length + 1);
        if (next == NULL) {
            return SIZE_MAX;
        }
        if (memcmp(next, bytes, length) == 0) {
            return (size_t)(next - s->text) + length;
        }
        at = (size_t)(next - s->text) + 1;
        if (s->budget < cost) {
            return find_by_borders(p, core, s, at, end);
        }
        s->budget -= cost;
    }
    return SIZE_MAX;
}

/* Tries a wild core everywhere: only without scratch memory, and for cores beyond STACK_WORDS. */
static size_t find_everywhere(const like_pattern *p, const like_core *core, const subject *s,
                              size_t at, size_t end)
{
    subject part = {.text = s->text, .length = end, .fold = s->fold};
    while (at < end) {
        size_t to = at;
        if (agrees(p, core, &part, &to)) {
            return to;
        }
        at = like_step(s->text, end, at);
    }
    return SIZE_MAX;
}

static size_t find(const like_pattern *p, const like_core *core, subject *s, size_t at, size_t end)
{
    if (core->wild) {
        return s->state != NULL ? like_masks_find(core->masks, s->text, at, end, s->fold, s->state)
                                : find_everywhere(p, core, s, at, end);
    }
    return s->fold ? find_by_borders(p, core, s, at, end) : find_literal(p, core, s, at, end);
}

static bool matches(const like_pattern *p, subject *s)
{
    size_t at = 0;
    if (!agrees(p, &p->cores[0], s, &at)) {
        return false;
    }
    if (!p->open) {
        return at == s->length;
    }
    const like_core *tail = &p->cores[p->count - 1];
    size_t end = step_back(s, tail), from = end;
    if (end == SIZE_MAX || end < at || !agrees(p, tail, s, &from)) {
        return false;
    }
    for (uint32_t i = 1; i + 1 < p->count; i++) {
        if (!skip(s, p->cores[i].skip, &at, end)) {
            return false;
        }
        at = find(p, &p->cores[i], s, at, end);
        if (at == SIZE_MAX) {
            return false;
        }
    }
    return skip(s, tail->skip, &at, end);
}

bool like_match_with(const like_pattern *p, const char *text, size_t length, bool folded,
                     uint64_t *state)
{
    uint64_t own[STACK_WORDS];
    bool fits = like_state_words(p) == 0;
    text = length != 0 ? text : ""; /* may be NULL, which memcmp must not see */
    subject s = {text, length, p->fold && !folded, fits ? own : state, length + 64};
    return matches(p, &s);
}

bool like_match(const like_pattern *p, const char *text, size_t length)
{
    return like_match_with(p, text, length, false, NULL);
}

uint32_t like_state_words(const like_pattern *p)
{
    return p->state_words > STACK_WORDS ? p->state_words : 0;
}

/* ---- what an index wants to know ------------------------------------------------------------ */

/* Keeps the best `room` pieces, best first. */
static uint32_t keep(like_piece *best, uint32_t count, uint32_t room, like_piece piece)
{
    uint32_t i = count;
    if (i == room) {
        if (room == 0 || like_score(&best[room - 1]) >= like_score(&piece)) {
            return count;
        }
        i--;
    } else {
        count++;
    }
    for (; i > 0 && like_score(&best[i - 1]) < like_score(&piece); i--) {
        best[i] = best[i - 1];
    }
    best[i] = piece;
    return count;
}

uint32_t like_pieces(const like_pattern *p, like_piece *best, uint32_t room)
{
    uint32_t count = 0;
    for (uint32_t k = 0; k < p->count; k++) {
        const like_core *core = &p->cores[k];
        const char *bytes = p->bytes + core->at;
        for (uint32_t from = 0, end = 0; end <= core->length; end++) {
            if (end < core->length && bytes[end] != LIKE_ANY) {
                continue;
            }
            like_piece piece = {bytes + from, end - from, PLACE_ANYWHERE};
            if (k == 0 && from == 0) {
                piece.place = PLACE_START;
            } else if (k + 1 == p->count && end == core->length) {
                piece.place = PLACE_END;
            }
            if (piece.length != 0) {
                count = keep(best, count, room, piece);
            }
            from = end + 1;
        }
    }
    return count;
}

bool like_is_one_piece(const like_pattern *p)
{
    uint32_t full = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        if (p->cores[i].skip != 0 || p->cores[i].wild) {
            return false;
        }
        full += p->cores[i].length != 0;
    }
    return p->open && full == 1;
}

uint32_t like_points(const like_pattern *p, bool *open)
{
    uint32_t points = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        points += p->cores[i].skip + p->cores[i].points;
    }
    *open = p->open;
    return points;
}
