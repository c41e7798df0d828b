/* json_string.h - strings of a JSON text: checked always, unescaped only when somebody asks.
 *
 *     "caf\u00e9 \"x\""      span: caf\u00e9 \"x\"   escaped
 *
 * A span without escapes is the string itself and is borrowed from the text.
 */
#ifndef MATCHENGINE_JSON_STRING_H
#define MATCHENGINE_JSON_STRING_H

#include "json_scan.h"

typedef struct json_span {
    const char *from, *to; /* between the quotes */
    bool escaped;
} json_span;

/* Where a string is not acceptable, and why (a constant). */
typedef struct json_fault {
    const char *at;
    const char *message;
} json_fault;

/* The part of json_string that few strings need: non-ASCII text, escapes, errors. `at` is where
 * the plain bytes stopped. */
const char *json_string_rest(scan_window *w, const char *at, json_span *span, json_fault *fault);

/* Reads a string from the byte after its opening quote; returns the byte after the closing one,
 * or NULL with `*fault` filled. */
static inline const char *json_string(scan_window *w, const char *at, json_span *span,
                                      json_fault *fault)
{
    uint64_t non_ascii = 0;
    span->from = at;
    span->escaped = false;
    at = scan_text(w, at, &non_ascii);
    if (at < w->end && *at == '"' && non_ascii == 0) {
        span->to = at;
        return at + 1;
    }
    return json_string_rest(w, at, span, fault);
}

/* Writes the text of a span that json_string accepted, at most as long as the span; returns its
 * length. */
size_t json_unescape(const json_span *span, char *out);

#endif
