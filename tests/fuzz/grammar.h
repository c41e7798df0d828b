/* grammar.h - choices to filter text, and to events in two forms: JSON text and plain values.
 *
 * One small vocabulary, so that filters speak of the events: few names, numbers that are equal in
 * other types or close to each other, strings that lie within each other. Whatever bytes a fuzzer
 * gives, most of what comes out is accepted; fuzz_parse.c has the other half.
 */
#ifndef MATCHENGINE_FUZZ_GRAMMAR_H
#define MATCHENGINE_FUZZ_GRAMMAR_H

#include "bytes.h"
#include "oracle.h"

#define PICK(s, list) (list)[take_below((s), sizeof(list) / sizeof *(list))]

static const char *const numbers[] = {
    "0",
    "1",
    "2",
    "3",
    "4",
    "5",
    "-1",
    "-2",
    "1.0",
    "2.5",
    "4.999999999999999",
    "-0.0",
    "1e1",
    "9007199254740992",
    "9007199254740993",
    "9007199254740992.0",
    "-9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "9223372036854775808.0",
    "18446744073709551616",
    "1000000000000000000000000000000",
    "1e30",
    "1000000000000000000000000000001",
    "1e300",
    "-1e300",
    "5e-324",
    "0.1",
    "1e400",
    "-1e400",
};
static const char *const edges[] = {
    "9007199254740992",    "9007199254740993",    "9007199254740992.0",    "9007199254740994",
    "9223372036854775807", "9223372036854775808", "9223372036854775808.0", "9223372036854775806",
};
static const char *const strings[] = {
    "",       "a",   "ab",  "abc",  "abcd",
    "abd",    "b",   "ba",  "bab",  "abab",
    "ababab", "cab", "Ab",  "AB",   "é",
    "É",      "ß",   "k",   "σ",    "😀",
    "😀b",    "a%b", "a_b", "a\nb", "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
};
static const char *const letters[] = {
    "a", "b", "c", "A", "B", "%", "_", "é", "😀", "\n", "ab", "ba", "-", ".", "*", "1",
};

/* ---- pieces ---------------------------------------------------------------------------------------- */

static inline void grow_number(stream *s, page *out)
{
    char digits[64];
    switch (take_below(s, 6)) {
    case 0:
    case 1:
        snprintf(digits, sizeof digits, "%d", (int)take_below(s, 12) - 2);
        break;
    case 2: { /* between 1 and 2, ever closer to 1: labels run out there */
        uint32_t halvings = take_below(s, 52);
        snprintf(digits, sizeof digits, "%.17g", 1 + 1.0 / (double)(UINT64_C(1) << halvings));
        break;
    }
    case 3:
        snprintf(digits, sizeof digits, "%u.%u", take_below(s, 8), take_below(s, 4));
        break;
    default:
        text_say(out, take_below(s, 2) != 0 ? PICK(s, edges) : PICK(s, numbers));
        return;
    }
    text_say(out, digits);
}

/* Without quotes, escapes and NUL: good for filters and for JSON. */
static inline void grow_words(stream *s, page *out)
{
    if (take_below(s, 3) != 0) {
        text_say(out, PICK(s, strings));
        return;
    }
    for (uint32_t count = take_below(s, 9); count > 0; count--) {
        text_say(out, PICK(s, letters));
    }
}

static inline void grow_quoted(stream *s, page *out)
{
    text_say(out, "'");
    grow_words(s, out);
    text_say(out, "'");
}

static inline void grow_regex(stream *s, page *out, uint32_t depth)
{
    static const char *const atoms[] = {
        "a",     "b",      "c",       "ab", ".",      "[ab]",    "[^a]",
        "[a-c]", "[^\\n]", "(.|\\n)", "é",  "[é-😀]", "\\.|\\-", "\\p{L}",
    };
    static const char *const counts[] = {"",  "",    "",     "*",     "+",
                                         "?", "{2}", "{1,}", "{0,2}", "{3,5}"};
    for (uint32_t pieces = 1 + take_below(s, 4); pieces > 0; pieces--) {
        if (depth > 0 && take_rarely(s, 4)) {
            text_say(out, "(");
            grow_regex(s, out, depth - 1);
            text_say(out, ")");
        } else {
            text_say(out, PICK(s, atoms));
        }
        text_say(out, PICK(s, counts));
        text_say(out, take_rarely(s, 8) ? "|" : "");
    }
}

/* ---- filters ----------------------------------------------------------------------------------------- */

static const char *const names[] = {"a", "b", "s", "a.b", "n.x.y", "\"x y\"", "new"};

static inline void grow_constant(stream *s, page *out)
{
    uint32_t kind = take_below(s, 8);
    if (kind < 4) {
        grow_number(s, out);
    } else if (kind < 7) {
        grow_quoted(s, out);
    } else {
        text_say(out, take_below(s, 2) != 0 ? "TRUE" : "FALSE");
    }
}

static inline void grow_in(stream *s, page *out)
{
    text_say(out, take_rarely(s, 4) ? " NOT IN (" : " IN (");
    grow_constant(s, out);
    for (uint32_t more = take_below(s, 24); more > 0 && !stream_ended(s); more--) {
        text_say(out, ", ");
        grow_constant(s, out);
    }
    text_say(out, ")");
}

static inline void grow_between(stream *s, page *out)
{
    void (*const bound)(stream *, page *) = take_rarely(s, 3) ? grow_quoted : grow_number;
    text_say(out, take_rarely(s, 4) ? " NOT BETWEEN " : " BETWEEN ");
    bound(s, out);
    text_say(out, " AND ");
    bound(s, out);
}

static inline void grow_like(stream *s, page *out)
{
    static const char *const signs[] = {" LIKE '", " ILIKE '", " NOT LIKE '", " NOT ILIKE '"};
    static const char *const parts[] = {"%", "%", "_", "a", "b", "ab", "A", "é", "!%", "k", "cd"};
    text_say(out, PICK(s, signs));
    for (uint32_t count = take_below(s, 8); count > 0; count--) {
        text_say(out, PICK(s, parts));
    }
    text_say(out, take_rarely(s, 4) ? "' ESCAPE '!'" : "'");
}

static inline void grow_function(stream *s, page *out, const char *name)
{
    static const char *const functions[] = {"STARTS_WITH(", "ENDS_WITH(", "CONTAINS(", "MATCHES("};
    uint32_t which = take_below(s, 4);
    text_say(out, functions[which]);
    text_say(out, name);
    text_say(out, ", ");
    if (which == 3) {
        text_say(out, "'");
        grow_regex(s, out, 2);
        text_say(out, "'");
    } else {
        grow_quoted(s, out);
    }
    text_say(out, ")");
}

/* Names, two of them most of the time, and constants, rarely one that is no number: with arithmetic
 * around, that is an error. */
static inline void grow_factor(stream *s, page *out)
{
    uint32_t kind = take_below(s, 16);
    text_say(out, kind == 9 ? "-" : kind == 10 ? "-(" : "");
    if (kind < 10) {
        text_say(out, names[take_below(s, kind < 8 ? 2 : sizeof names / sizeof *names)]);
    } else if (kind == 15) {
        grow_constant(s, out);
    } else {
        grow_number(s, out);
    }
    text_say(out, kind == 10 ? ")" : "");
}

static inline void grow_operand(stream *s, page *out, uint32_t depth)
{
    static const char *const signs[] = {" + ", " - ", " * ", " / "};
    for (uint32_t more = take_below(s, 3);; more--) {
        if (depth > 0 && take_rarely(s, 4)) {
            text_say(out, take_below(s, 2) != 0 ? "-(" : "(");
            grow_operand(s, out, depth - 1);
            text_say(out, ")");
        } else {
            grow_factor(s, out);
        }
        if (more == 0) {
            return;
        }
        text_say(out, PICK(s, signs));
    }
}

/* Arithmetic, and attribute against attribute. */
static inline void grow_computed(stream *s, page *out)
{
    static const char *const compares[] = {
        " = ", " <> ", " < ", " <= ", " > ", " >= ", " BETWEEN ", " NOT BETWEEN "};
    uint32_t compare = take_below(s, 8);
    grow_operand(s, out, 2);
    text_say(out, compares[compare]);
    grow_operand(s, out, 1);
    if (compare >= 6) {
        text_say(out, " AND ");
        grow_operand(s, out, 1);
    }
}

static inline void grow_leaf(stream *s, page *out)
{
    static const char *const equal[] = {" = ", " = ", " <> "};
    static const char *const order[] = {" < ", " <= ", " > ", " >= "};
    const char *name = PICK(s, names);
    uint32_t kind = take_below(s, 12);
    if (kind < 9 && kind != 7) {
        text_say(out, name);
    }
    switch (kind) {
    case 0:
    case 1:
        text_say(out, PICK(s, equal));
        grow_constant(s, out);
        break;
    case 2:
    case 3:
        text_say(out, PICK(s, order));
        (take_rarely(s, 4) ? grow_quoted : grow_number)(s, out);
        break;
    case 4:
        grow_between(s, out);
        break;
    case 5:
        grow_in(s, out);
        break;
    case 6:
        grow_like(s, out);
        break;
    case 8:
        text_say(out, take_below(s, 2) != 0 ? " IS NULL" : " IS NOT NULL");
        break;
    case 9:
        text_say(out, "EXISTS(");
        text_say(out, name);
        text_say(out, ")");
        break;
    case 11:
        grow_computed(s, out);
        break;
    default:
        grow_function(s, out, name);
    }
}

/* Half of all are conjunctions, which is what most subscriptions are. */
static inline void grow_filter(stream *s, page *out, uint32_t depth)
{
    uint32_t shape = depth == 0 ? 0 : take_below(s, 8);
    if (shape < 3 || stream_ended(s)) {
        grow_leaf(s, out);
        return;
    }
    if (shape == 3) {
        text_say(out, "NOT (");
        grow_filter(s, out, depth - 1);
        text_say(out, ")");
        return;
    }
    if (take_rarely(s, 64)) {
        text_say(out, take_below(s, 2) != 0 ? "TRUE" : "FALSE");
        return;
    }
    uint32_t parts = 2 + take_below(s, 3);
    for (uint32_t i = 0; i < parts; i++) {
        text_say(out, i == 0 ? "(" : shape == 4 ? " OR (" : " AND (");
        grow_filter(s, out, depth - 1);
        text_say(out, ")");
    }
}

/* ---- events ------------------------------------------------------------------------------------------ */

/* An event in two forms. Strings and paths of the plain one lie in `kept`. */
typedef struct grown_event {
    page json;
    occasion plain;
    page kept, path;
} grown_event;

static inline const char *keep(grown_event *e, const char *bytes, size_t length)
{
    const char *place = e->kept.at + e->kept.length;
    text_put(&e->kept, bytes, length);
    return place;
}

static inline void grow_scalar(stream *s, grown_event *e)
{
    static page words;
    me_value v = value_of_null();
    uint32_t kind = take_below(s, 8);
    words.length = 0;
    if (kind < 4) {
        grow_number(s, &words);
        v = number_parse(keep(e, words.at, words.length), words.length);
    } else if (kind < 6) {
        grow_words(s, &words);
        v = value_of_string(keep(e, words.at, words.length), words.length);
    } else if (kind == 6) {
        v = value_of_bool(take_below(s, 2) != 0);
    }
    if (v.type == ME_STRING) {
        text_say(&e->json, "\"");
        for (size_t i = 0; i < words.length; i++) {
            text_put(&e->json, words.at[i] == '\n' ? "\\n" : &words.at[i],
                     words.at[i] == '\n' ? 2 : 1);
        }
        text_say(&e->json, "\"");
    } else if (v.type == ME_BOOL || v.type == ME_NULL) {
        text_say(&e->json, v.type == ME_NULL ? "null" : v.as.i ? "true" : "false");
    } else {
        text_put(&e->json, words.at, words.length);
    }
    e->plain.at[e->plain.count++] = (seen){
        .path = keep(e, e->path.at, e->path.length),
        .path_length = (uint32_t)e->path.length,
        .value = v,
    };
}

static inline void grow_object(stream *s, grown_event *e, uint32_t depth);

static inline void grow_value(stream *s, grown_event *e, uint32_t depth)
{
    uint32_t shape = depth == 0 ? 0 : take_below(s, 8);
    if (shape < 5) {
        grow_scalar(s, e);
    } else if (shape == 5) {
        grow_object(s, e, depth - 1);
    } else {
        text_say(&e->json, "[");
        for (uint32_t i = 0, count = take_below(s, 4); i < count; i++) {
            text_say(&e->json, i > 0 ? "," : "");
            grow_value(s, e, depth - 1);
        }
        text_say(&e->json, "]");
    }
}

/* No key twice: what that means is fuzz_json.c's to ask. The first two are there most often, for
 * predicates that need both. */
static inline void grow_object(stream *s, grown_event *e, uint32_t depth)
{
    static const char *const keys[] = {"a", "b", "s", "a.b", "n", "x", "y", "x.y", "x y", "new"};
    uint32_t used = 0;
    size_t outer = e->path.length;
    text_say(&e->json, "{");
    for (uint32_t count = take_below(s, 7); count > 0; count--) {
        uint32_t key = take_below(s, 16);
        key = key < sizeof keys / sizeof *keys ? key : key % 2;
        if ((used >> key & 1) != 0 || e->plain.count > OCCASION_VALUES / 4 || stream_ended(s)) {
            continue;
        }
        text_say(&e->json, used != 0 ? ",\"" : "\"");
        text_say(&e->json, keys[key]);
        text_say(&e->json, "\":");
        used |= 1u << key;
        text_say(&e->path, outer > 0 ? "." : "");
        text_say(&e->path, keys[key]);
        grow_value(s, e, depth);
        e->path.length = outer;
    }
    text_say(&e->json, "}");
}

/* Returns false when the event was too large for the room. */
static inline bool grow_event(stream *s, grown_event *e)
{
    e->json.length = e->kept.length = e->path.length = 0;
    e->plain.count = 0;
    grow_object(s, e, 3);
    return e->json.length < TEXT_ROOM && e->kept.length < TEXT_ROOM && e->path.length < TEXT_ROOM;
}

#endif
