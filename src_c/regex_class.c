/* regex_class.c - what stands for one code point: escapes, categories and [...] (regex_parser.h). */
#include <string.h>

#include "regex_parser.h"
#include "value.h"

/* ---- one character ------------------------------------------------------------------------------ */

#define ESCAPED "()*+-.?[\\]^{|}" /* and n, r, t */

/* What stands after a backslash for one character. */
bool regex_escaped(regex_parser *p, uint32_t *point)
{
    int c = regex_peek(p);
    if (c <= 0 || c >= 0x80 || strchr("nrt" ESCAPED, c) == NULL) {
        return regex_unexpected(p, p->at,
                                "n, r, t, p{, P{ or one of " ESCAPED " after the backslash");
    }
    *point = (uint32_t)(c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c);
    p->at++;
    return true;
}

/* {Lu} after \p or \P: adds the category to the set that is being collected. */
bool regex_category(regex_parser *p, bool negated)
{
    if (!regex_at(p, '{')) {
        return regex_unexpected(p, p->at, "{ and a category");
    }
    p->at++;
    const char *name = p->text + p->at;
    for (size_t length = 1; length <= 2; length++) {
        if (p->at == p->length || !regex_category_exists(name, length)) {
            return regex_unexpected(p, p->at,
                                    length == 1 ? "a category such as L or Nd" : "a category or }");
        }
        p->at++;
        if (regex_at(p, '}')) {
            p->at++;
            return regex_good(p, regex_set_add_category(&p->out->sets, name, length, negated));
        }
    }
    return regex_unexpected(p, p->at, "}");
}

/* ---- [...] -------------------------------------------------------------------------------------- */

/* One end of a range. */
static bool class_point(regex_parser *p, const char *expected, uint32_t *point)
{
    int c = regex_peek(p);
    if (c < 0 || c == '-' || c == '[' || c == ']') {
        return regex_unexpected(p, p->at, expected);
    }
    if (c == '\\') {
        p->at++;
        return regex_escaped(p, point);
    }
    *point = utf8_next(p->text, p->length, &p->at);
    return true;
}

/* A character, a range or a category. */
static bool class_item(regex_parser *p)
{
    regex_sets *sets = &p->out->sets;
    if (regex_at(p, '\\') && p->at + 1 < p->length &&
        (p->text[p->at + 1] == 'p' || p->text[p->at + 1] == 'P')) {
        p->at += 2;
        return regex_category(p, p->text[p->at - 1] == 'P');
    }
    uint32_t first = 0, last;
    if (!class_point(p, "a character, a range, \\p{..} or ]", &first)) {
        return false;
    }
    last = first;
    if (regex_at(p, '-') && !(p->at + 1 < p->length && p->text[p->at + 1] == ']')) {
        p->at++;
        size_t end = p->at;
        if (!class_point(p, "the end of the range", &last)) {
            return false;
        }
        if (last < first) {
            return regex_unexpected(p, end, "an end of the range that is not before its start");
        }
    }
    return regex_good(p, regex_set_add(sets, first, last));
}

/* After the [. A minus stands for itself where it comes first or last. */
bool regex_class(regex_parser *p, uint16_t *set)
{
    bool negated = regex_at(p, '^'), first = true;
    p->at += negated;
    for (; first || !regex_at(p, ']'); first = false) {
        if (!regex_at(p, '-')) {
            if (!class_item(p)) {
                return false;
            }
            continue;
        }
        p->at++;
        if (!first && !regex_at(p, ']')) {
            return regex_unexpected(p, p->at, "] after a minus that begins no range");
        }
        if (!regex_good(p, regex_set_add(&p->out->sets, '-', '-'))) {
            return false;
        }
    }
    p->at++;
    return regex_good(p, regex_set_close(&p->out->sets, negated, set));
}
