/* A regex against the oracle: is it one, what does it match, and is what the index is told of it
 * true (the literals that a match holds, the bytes that it begins and ends with)?
 *
 * The first byte says whether the text is grown by the grammar or taken as it is. What follows the
 * regex makes strings to try.
 */
#include "grammar.h"
#include "regex.h"

enum { SUBJECTS = 6, LONGEST = 400 };

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
    out->length = 0;
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

static void try_subject(const regex *r, const regex_ends *ends, rx *oracle, const page *subject)
{
    uint32_t words = regex_state_words(r);
    uint64_t *scratch = malloc((words + 1) * sizeof *scratch);
    char *copy = exact_copy(subject->at, subject->length);
    MUST(scratch != NULL);
    memset(scratch, 0, (words + 1) * sizeof *scratch);
    bool matched = regex_match(r, copy, subject->length, scratch);
    verdict said = oracle_regex_match(oracle, copy, subject->length);
    MUST(said == CANNOT_SAY || matched == (said == YES));
    MUST(matched == regex_match(r, copy, subject->length, scratch));
    if (matched) {
        MUST(regex_ends_fit(ends, copy, subject->length));
        for (int place = 0; place < REGEX_PLACES; place++) {
            MUST(has_literal(r, (regex_place)place, copy, subject->length));
        }
    }
    free(copy);
    free(scratch);
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
    heap_fail_after(allowed);
    me_status status = regex_check(&h, pattern, length, &error);
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
    pattern.length = 0;
    uint32_t how = take(&s);
    if (how % 2 == 0) {
        take_text(&s, &pattern);
    } else {
        grow_regex(&s, &pattern, 3);
    }
    char *copy = exact_copy(pattern.at, pattern.length);
    verdict is_one = oracle_regex_parse(&oracle, copy, pattern.length);
    me_status status = regex_check(&h, copy, pattern.length, &error);
    MUST(h.bytes == 0);
    if (status != ME_OK) {
        check_error(&error, status, &pattern);
        MUST(status == ME_FILTER_LIMIT || is_one != YES);
        free(copy);
        return 0;
    }
    MUST(is_one != NO);
    regex *r = regex_compile(&h, copy, pattern.length, &ends);
    MUST(r != NULL);
    for (int i = 0; is_one == YES && i < SUBJECTS; i++) {
        grow_subject(&s, &pattern, &subject);
        try_subject(r, &ends, &oracle, &subject);
    }
    regex_free(&h, r);
    MUST(h.bytes == 0);
    check_without_memory(copy, pattern.length, how / 2 % 32);
    free(copy);
    return 0;
}
