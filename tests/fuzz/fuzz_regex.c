/* A regex in all its forms against the oracle: is it one, what does it match, and is what the index is told of it
 * true (the literals that a match holds, the bytes that it begins and ends with)?
 *
 * The first byte says whether the text is grown by the grammar or taken as it is. What follows the
 * regex makes strings to try.
 */
#include "grammar.h"
#include "regex_parts.h"

enum { SUBJECTS = 6, LONGEST = 400, FORMS = 3 };

/* UTF-8 up to a NUL or the end; other bytes are passed over. */
static void take_text(stream *s, page *out)
{
    while (!stream_ended(s) && out->length < LONGEST) {
        char c = (char)take(s);
        if (c == '\0') {
            return;
        }
        size_t before = out->length;
        text_put(out, &c, 1);
        /* Up to three bytes more may complete a code point. */
        for (int more = 0;
             more < 3 && utf8_valid_prefix(out->at + before, out->length - before) == 0 &&
             !stream_ended(s);
             more++) {
            c = (char)take(s);
            text_put(out, &c, 1);
        }
        out->length = before + utf8_valid_prefix(out->at + before, out->length - before);
    }
}

/* Letters of the regex itself, and of the vocabulary. */
static void grow_subject(stream *s, const page *pattern, page *out)
{
    if (take_rarely(s, 4)) {
        take_text(s, out);
        return;
    }
    for (uint32_t count = take_below(s, 24); count > 0; count--) {
        uint32_t which = take(s);
        if (which % 4 == 0 || pattern->length == 0) {
            text_say(out, letters[which / 4 % (sizeof letters / sizeof *letters)]);
        } else {
            size_t at = which % pattern->length;
            while (at > 0 && ((unsigned char)pattern->at[at] & 0xC0) == 0x80) {
                at--;
            }
            size_t end = at;
            utf8_next(pattern->at, pattern->length, &end);
            text_put(out, pattern->at + at, end - at);
        }
    }
}

/* ---- strings that match, or would but for the length ------------------------------------------- */

static void put_point(page *out, uint32_t point)
{
    char utf8[4];
    bool possible = point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
    text_put(out, utf8, possible ? utf8_put(utf8, point) : 0);
}

/* The ends of a range, and what lies just outside of a negated one. */
static void sample_set(stream *s, const rx *r, const rx_node *n, page *out)
{
    uint32_t tries = n->kind == RX_SET && n->range_count > 0 ? 4 : 0;
    for (; tries > 0; tries--) {
        uint32_t which = n->ranges + take_below(s, n->range_count), how = take_below(s, 3);
        uint32_t first = r->ranges[which].first, last = r->ranges[which].last;
        uint32_t point = how == 0 ? first : how == 1 ? last : first + (last - first) / 2;
        point = !n->negated ? point : how == 0 ? first - 1 : last + 1;
        if (rx_takes(r, n, point)) {
            put_point(out, point);
            return;
        }
    }
    text_say(out, PICK(s, letters));
}

static void sample(stream *s, rx *r, uint32_t number, page *out)
{
    const rx_node *n = &r->nodes[number];
    uint32_t parts = 0, chosen;
    if (out->length > LONGEST || ++r->steps > RX_STEPS) {
        return;
    }
    switch (n->kind) {
    case RX_CHAIN:
        for (uint32_t i = n->child; i != 0; i = r->nodes[i].sibling) {
            sample(s, r, i, out);
        }
        return;
    case RX_EITHER:
        for (uint32_t i = n->child; i != 0; i = r->nodes[i].sibling) {
            parts++;
        }
        chosen = n->child;
        for (uint32_t skip = parts > 1 ? take_below(s, parts) : 0; skip > 0; skip--) {
            chosen = r->nodes[chosen].sibling;
        }
        sample(s, r, chosen, out);
        return;
    case RX_REPEAT:
        chosen = n->least + (n->most > n->least ? take_below(s, 3) : 0);
        chosen = chosen < n->most ? chosen : n->most;
        for (uint32_t i = 0; i < chosen && i < 32; i++) {
            sample(s, r, n->child, out);
        }
        return;
    default:
        sample_set(s, r, n, out);
    }
}

/* ---- what must hold ------------------------------------------------------------------------------- */

static bool has_literal(const regex *r, regex_place place, const char *s, size_t length)
{
    regex_needle n = regex_literal_at(r, place);
    for (size_t at = 0; at + n.length <= length; at++) {
        bool placed =
            place == REGEX_INNER || (place == REGEX_START ? at == 0 : at + n.length == length);
        if (placed && (n.length == 0 || memcmp(s + at, n.bytes, n.length) == 0)) {
            return true;
        }
    }
    return false;
}

/* With more scratch memory and without; what the one left there is in the way of the next. */
static bool ask(const regex *r, const char *s, size_t length)
{
    static uint64_t *rows;
    uint32_t words = regex_state_words(r);
    uint64_t *scratch = malloc((words + 1) * sizeof *scratch);
    rows = rows != NULL ? rows : malloc(REGEX_ROW_WORDS * sizeof *rows);
    MUST(scratch != NULL && rows != NULL);
    memset(scratch, 0xEE, (words + 1) * sizeof *scratch);
    bool matched = regex_match(r, s, length, scratch, rows);
    MUST(regex_match(r, s, length, scratch, NULL) == matched);
    MUST(regex_match(r, s, length, scratch, rows) == matched);
    free(scratch);
    return matched;
}

/* Every form of the regex says what the oracle says, or at least the same. */
static void try_subject(regex *const forms[FORMS], const regex_ends *ends, rx *oracle,
                        const page *subject)
{
    char *copy = exact_copy(subject->at, subject->length);
    bool matched = ask(forms[0], copy, subject->length);
    verdict said = oracle_regex_match(oracle, copy, subject->length);
    MUST(said == CANNOT_SAY || matched == (said == YES));
    for (int form = 0; form < FORMS; form++) {
        MUST(ask(forms[form], copy, subject->length) == matched);
        for (int place = 0; matched && place < REGEX_PLACES; place++) {
            MUST(has_literal(forms[form], (regex_place)place, copy, subject->length));
        }
    }
    MUST(!matched || regex_ends_fit(ends, copy, subject->length));
    free(copy);
}

static void check_error(const me_error *error, me_status status, const page *pattern)
{
    MUST(status == ME_SYNTAX || status == ME_FILTER_LIMIT);
    MUST(error->offset <= pattern->length);
    MUST(status == ME_FILTER_LIMIT ? error->limit != NULL : error->message[0] != '\0');
}

/* Each of its allocations may fail, and then it is no regex, and nothing is kept. */
static void check_without_memory(const char *pattern, size_t length, size_t allowed)
{
    heap h = {0};
    me_error error = {0};
    regex_ends ends;
    uint64_t states = 0;
    heap_fail_after(allowed);
    me_status status = regex_check(&h, pattern, length, &me_default_limits, &states, &error);
    heap_fail_after(SIZE_MAX);
    MUST((status == ME_OK || status == ME_NOMEM) && h.bytes == 0);
    heap_fail_after(allowed);
    regex *r = regex_compile(&h, pattern, length, &ends);
    heap_fail_after(SIZE_MAX);
    MUST(r != NULL || h.bytes == 0);
    regex_free(&h, r);
    MUST(h.bytes == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static page pattern, subject;
    static rx oracle;
    stream s = {data, data + size};
    heap h = {0};
    me_error error = {0};
    regex_ends ends;
    uint64_t states = 0;
    pattern.length = 0;
    uint32_t how = take(&s);
    if (how % 2 == 0) {
        take_text(&s, &pattern);
    } else {
        grow_regex(&s, &pattern, 3);
    }
    char *copy = exact_copy(pattern.at, pattern.length);
    verdict is_one = oracle_regex_parse(&oracle, copy, pattern.length);
    me_status status = regex_check(&h, copy, pattern.length, &me_default_limits, &states, &error);
    MUST(h.bytes == 0);
    if (status != ME_OK) {
        check_error(&error, status, &pattern);
        MUST(status == ME_FILTER_LIMIT || is_one != YES);
        free(copy);
        return 0;
    }
    MUST(is_one != NO);
    regex *forms[FORMS];
    for (int form = 0; form < FORMS; form++) {
        forms[form] = regex_compile_as(&h, copy, pattern.length, (regex_form)form, &ends);
        MUST(forms[form] != NULL);
    }
    for (int i = 0; is_one == YES && i < SUBJECTS; i++) {
        subject.length = 0;
        if (i % 2 == 0) {
            oracle.steps = 0;
            sample(&s, &oracle, 1, &subject);
        } else {
            grow_subject(&s, &pattern, &subject);
        }
        try_subject(forms, &ends, &oracle, &subject);
    }
    for (int form = 0; form < FORMS; form++) {
        regex_free(&h, forms[form]);
    }
    MUST(h.bytes == 0);
    check_without_memory(copy, pattern.length, how / 2 % 32);
    free(copy);
    return 0;
}
