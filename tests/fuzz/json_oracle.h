/* json_oracle.h - RFC 8259 and section 1 of docs/semantics.md, by recursive descent.
 *
 * Every scalar of the text is kept with its path, in order; what a later duplicate key replaces is
 * struck out. Deeper than the limit it refuses, so it recurses no deeper.
 */
#ifndef MATCHENGINE_FUZZ_JSON_ORACLE_H
#define MATCHENGINE_FUZZ_JSON_ORACLE_H

#include "oracle.h"

#define JSON_KEYS 1024u
#define JSON_SEEN 1024u

typedef struct json_oracle {
    const char *at, *end;
    const me_limits *limits;
    page path, kept;
    struct {
        bool struck;
        seen what;
    } seen[JSON_SEEN];
    uint32_t seen_count, depth;
    struct {
        const char *key;
        size_t length;
        uint32_t from, to;
    } keys[JSON_KEYS];
    uint32_t key_count;
} json_oracle;

static inline bool jo_value(json_oracle *j);

static inline int jo_peek(const json_oracle *j)
{
    return j->at < j->end ? (unsigned char)*j->at : -1;
}

static inline bool jo_accept(json_oracle *j, char c)
{
    bool there = j->at < j->end && *j->at == c;
    j->at += there;
    return there;
}

static inline void jo_space(json_oracle *j)
{
    while (j->at < j->end &&
           (*j->at == ' ' || *j->at == '\t' || *j->at == '\n' || *j->at == '\r')) {
        j->at++;
    }
}

/* ---- scalars ---------------------------------------------------------------------------------------- */

static inline bool jo_unit(json_oracle *j, uint32_t *unit)
{
    *unit = 0;
    for (int i = 0; i < 4; i++, j->at++) {
        int c = jo_peek(j);
        bool digit = c >= '0' && c <= '9', letter = (c | 32) >= 'a' && (c | 32) <= 'f';
        if (c < 0 || (!digit && !letter)) {
            return false;
        }
        *unit = *unit * 16 + (uint32_t)(digit ? c - '0' : (c | 32) - 'a' + 10);
    }
    return true;
}

/* After the backslash. */
static inline bool jo_escape(json_oracle *j, page *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    int c = jo_peek(j);
    char utf8[4];
    uint32_t unit, low;
    j->at += c >= 0;
    if (c == 'u') {
        if (!jo_unit(j, &unit) || (unit >= 0xDC00 && unit <= 0xDFFF)) {
            return false;
        }
        if (unit >= 0xD800 && unit <= 0xDBFF) {
            if (!jo_accept(j, '\\') || !jo_accept(j, 'u') || !jo_unit(j, &low) || low < 0xDC00 ||
                low > 0xDFFF) {
                return false;
            }
            unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
        }
        text_put(out, utf8, utf8_put(utf8, unit));
        return true;
    }
    const char *found = c > 0 ? strchr(from, c) : NULL;
    if (found == NULL) {
        return false;
    }
    text_put(out, to + (found - from), 1);
    return true;
}

/* Appends the string to `out`. */
static inline bool jo_string(json_oracle *j, page *out)
{
    size_t begin = out->length;
    if (!jo_accept(j, '"')) {
        return false;
    }
    while (!jo_accept(j, '"')) {
        int c = jo_peek(j);
        if (c < 0x20) {
            return false;
        }
        j->at++;
        if (c == '\\') {
            if (!jo_escape(j, out)) {
                return false;
            }
        } else {
            text_put(out, j->at - 1, 1);
        }
    }
    return utf8_valid_prefix(out->at + begin, out->length - begin) == out->length - begin;
}

static inline size_t jo_digits(json_oracle *j)
{
    const char *from = j->at;
    while (jo_peek(j) >= '0' && jo_peek(j) <= '9') {
        j->at++;
    }
    return (size_t)(j->at - from);
}

static inline bool jo_number(json_oracle *j, me_value *v)
{
    const char *from = j->at;
    jo_accept(j, '-');
    bool zero = jo_peek(j) == '0', whole = true;
    size_t digits = jo_digits(j);
    if (digits == 0 || (zero && digits > 1)) {
        return false;
    }
    if (jo_accept(j, '.')) {
        whole = false;
        if (jo_digits(j) == 0) {
            return false;
        }
    }
    if (jo_peek(j) == 'e' || jo_peek(j) == 'E') {
        whole = false;
        j->at++;
        if (!jo_accept(j, '+')) {
            jo_accept(j, '-');
        }
        if (jo_digits(j) == 0) {
            return false;
        }
    }
    *v = number_parse(from, (size_t)(j->at - from));
    return !whole || digits <= j->limits->digits;
}

static inline bool jo_word(json_oracle *j, const char *word)
{
    size_t n = strlen(word);
    bool there = (size_t)(j->end - j->at) >= n && memcmp(j->at, word, n) == 0;
    j->at += there ? n : 0;
    return there;
}

static inline bool jo_scalar(json_oracle *j)
{
    me_value v = value_of_null();
    if (jo_peek(j) == '"') {
        size_t begin = j->kept.length;
        if (!jo_string(j, &j->kept)) {
            return false;
        }
        v = value_of_string(j->kept.at + begin, j->kept.length - begin);
    } else if (jo_word(j, "true") || jo_word(j, "false")) {
        v = value_of_bool(j->at[-2] == 'u');
    } else if (!jo_word(j, "null") && !jo_number(j, &v)) {
        return false;
    }
    if (j->seen_count == JSON_SEEN || j->seen_count >= j->limits->event_values) {
        return false;
    }
    size_t begin = j->kept.length;
    text_put(&j->kept, j->path.at, j->path.length);
    j->seen[j->seen_count].struck = false;
    j->seen[j->seen_count++].what = (seen){j->kept.at + begin, (uint32_t)j->path.length, v};
    return true;
}

/* ---- containers ---------------------------------------------------------------------------------------- */

static inline bool jo_array(json_oracle *j)
{
    jo_space(j);
    if (jo_accept(j, ']')) {
        return true;
    }
    do {
        if (!jo_value(j)) {
            return false;
        }
    } while (jo_accept(j, ','));
    return jo_accept(j, ']');
}

/* One key and its value; keys of this object begin at `first`. */
static inline bool jo_member(json_oracle *j, uint32_t first, size_t outer, bool top)
{
    size_t begin = j->kept.length;
    jo_space(j);
    if (!jo_string(j, &j->kept) || j->key_count == JSON_KEYS) {
        return false;
    }
    const char *key = j->kept.at + begin;
    size_t length = j->kept.length - begin;
    for (uint32_t k = first; k < j->key_count; k++) {
        if (j->keys[k].length == length && memcmp(j->keys[k].key, key, length) == 0) {
            for (uint32_t i = j->keys[k].from; i < j->keys[k].to; i++) {
                j->seen[i].struck = true;
            }
        }
    }
    j->path.length = outer;
    text_say(&j->path, top ? "" : ".");
    text_put(&j->path, key, length);
    jo_space(j);
    uint32_t from = j->seen_count, own = j->key_count;
    bool good = jo_accept(j, ':') && jo_value(j);
    j->path.length = outer;
    j->key_count = own + 1;
    j->keys[own].key = key;
    j->keys[own].length = length;
    j->keys[own].from = from;
    j->keys[own].to = j->seen_count;
    return good;
}

static inline bool jo_object(json_oracle *j)
{
    uint32_t first = j->key_count;
    size_t outer = j->path.length;
    bool top = j->depth == 1, good = true;
    jo_space(j);
    if (jo_accept(j, '}')) {
        return true;
    }
    do {
        good = jo_member(j, first, outer, top);
    } while (good && jo_accept(j, ','));
    j->key_count = first;
    return good && jo_accept(j, '}');
}

static inline bool jo_value(json_oracle *j)
{
    bool good;
    jo_space(j);
    int c = jo_peek(j);
    if (c == '{' || c == '[') {
        j->at++;
        good = ++j->depth <= j->limits->event_depth && (c == '{' ? jo_object(j) : jo_array(j));
        j->depth--;
    } else {
        good = jo_scalar(j);
    }
    jo_space(j);
    return good;
}

/* Is the text an event? Then `j` holds its values. */
static inline bool oracle_json(json_oracle *j, const char *s, size_t length,
                               const me_limits *limits)
{
    j->at = s;
    j->end = s + length;
    j->limits = limits;
    j->path.length = j->kept.length = 0;
    j->seen_count = j->key_count = j->depth = 0;
    jo_space(j);
    return length <= limits->event_bytes && jo_peek(j) == '{' && jo_value(j) && j->at == j->end;
}

/* Otherwise what it says means nothing. */
static inline bool oracle_had_room(const json_oracle *j)
{
    return j->kept.length < TEXT_ROOM && j->path.length < TEXT_ROOM && j->seen_count < JSON_SEEN &&
           j->key_count < JSON_KEYS;
}

#endif
