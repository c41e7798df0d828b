#include "json_string.h"

#include "value.h"

/* ---- escapes -------------------------------------------------------------------------------- */

/* The value of a hexadecimal digit, or -1. */
static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four checked hexadecimal digits. */
static uint32_t hex_unit(const char *at)
{
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        unit = unit << 4 | (uint32_t)hex_digit(at[i]);
    }
    return unit;
}

static bool is_high_surrogate(uint32_t unit)
{
    return unit >= 0xD800 && unit < 0xDC00;
}

static bool is_low_surrogate(uint32_t unit)
{
    return unit >= 0xDC00 && unit < 0xE000;
}

/* The code point of the escape \uXXXX or pair of escapes at `at` (after the first "\u"), and the
 * byte after it. */
static uint32_t escaped_code_point(const char **at)
{
    uint32_t unit = hex_unit(*at);
    *at += 4;
    if (!is_high_surrogate(unit)) {
        return unit;
    }
    uint32_t low = hex_unit(*at + 2);
    *at += 6;
    return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
}

/* ---- checking ------------------------------------------------------------------------------- */

static const char *fail(json_fault *fault, const char *at, const char *message)
{
    *fault = (json_fault){at, message};
    return NULL;
}

/* Checks the four digits after "\u"; returns the byte after them, or NULL. */
static const char *check_unit(const char *at, const char *end, json_fault *fault)
{
    for (int i = 0; i < 4; i++, at++) {
        if (at == end || hex_digit(*at) < 0) {
            return fail(fault, at, "expected four hexadecimal digits after \\u");
        }
    }
    return at;
}

/* Checks the escape whose backslash is at `at`; returns the byte after it, or NULL. */
static const char *check_escape(const char *at, const char *end, json_fault *fault)
{
    const char *backslash = at++;
    if (at == end || *at == '\0' || strchr("\"\\/bfnrtu", *at) == NULL) {
        return fail(fault, at, "unknown escape in string");
    }
    if (*at++ != 'u') {
        return at;
    }
    const char *digits = at;
    at = check_unit(at, end, fault);
    if (at == NULL) {
        return NULL;
    }
    uint32_t unit = hex_unit(digits);
    if (is_low_surrogate(unit)) {
        return fail(fault, backslash, "lone surrogate in \\u escape");
    }
    if (!is_high_surrogate(unit)) {
        return at;
    }
    if (at == end || (*at == '\\' && at + 1 == end)) {
        return fail(fault, end, "expected the second half of a surrogate pair");
    }
    if (*at != '\\' || at[1] != 'u') {
        return fail(fault, backslash, "lone surrogate in \\u escape");
    }
    digits = at + 2;
    at = check_unit(digits, end, fault);
    if (at != NULL && !is_low_surrogate(hex_unit(digits))) {
        return fail(fault, backslash, "lone surrogate in \\u escape");
    }
    return at;
}

/* Runs from `at` to the closing quote, over escapes; NULL with `*fault` filled. */
static const char *find_quote(scan_window *w, const char *at, json_span *span, json_fault *fault)
{
    for (;;) {
        uint64_t non_ascii = 0;
        at = scan_text(w, at, &non_ascii);
        if (at == w->end) {
            return fail(fault, at, "string without a closing quote");
        }
        if (*at == '"') {
            return at;
        }
        if (*at != '\\') {
            return fail(fault, at, "control character in string");
        }
        span->escaped = true;
        at = check_escape(at, w->end, fault);
        if (at == NULL) {
            return NULL;
        }
    }
}

const char *json_string_rest(scan_window *w, const char *at, json_span *span, json_fault *fault)
{
    const char *quote = find_quote(w, at, span, fault);
    /* The first fault is the one to report, so what precedes another one is checked too. */
    size_t length = (size_t)((quote != NULL ? quote : fault->at) - span->from);
    size_t valid = utf8_valid_prefix(span->from, length);
    if (valid < length) {
        return fail(fault, span->from + valid, "invalid UTF-8");
    }
    if (quote == NULL) {
        return NULL;
    }
    span->to = quote;
    return quote + 1;
}

/* ---- unescaping ----------------------------------------------------------------------------- */

static char unescaped(char c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c; /* quote, backslash, slash */
    }
}

size_t json_unescape(const json_span *span, char *out)
{
    const char *at = span->from;
    char *start = out;
    while (at < span->to) {
        size_t left = (size_t)(span->to - at);
        const char *backslash = memchr(at, '\\', left);
        size_t plain = backslash != NULL ? (size_t)(backslash - at) : left;
        memcpy(out, at, plain);
        out += plain;
        at += plain;
        if (backslash == NULL) {
            break;
        }
        at += 2; /* the backslash and the letter */
        if (at[-1] == 'u') {
            out += utf8_put(out, escaped_code_point(&at));
        } else {
            *out++ = unescaped(at[-1]);
        }
    }
    return (size_t)(out - start);
}
