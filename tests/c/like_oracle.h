/* like_oracle.h - LIKE by the definition: a table of which prefixes match which. Slow and plain.
 *
 * row[j] says whether the first i tokens of the pattern match the first j code points of the text.
 */
#ifndef MATCHENGINE_LIKE_ORACLE_H
#define MATCHENGINE_LIKE_ORACLE_H

#include <string.h>

#include "value.h"

#define ORACLE_ROOM 4096u
#define ORACLE_RUN UINT32_MAX       /* % */
#define ORACLE_ONE (UINT32_MAX - 1) /* _ */

static size_t oracle_points(const char *s, size_t length, bool fold, uint32_t *out)
{
    size_t n = 0;
    for (size_t at = 0; at < length;) {
        uint32_t point = utf8_next(s, length, &at);
        out[n++] = fold ? utf8_fold(point) : point;
    }
    return n;
}

/* `escape` is a code point, or 0 for none. */
static size_t oracle_tokens(const char *s, size_t length, uint32_t escape, bool fold, uint32_t *out)
{
    uint32_t points[ORACLE_ROOM];
    size_t n = 0, count = oracle_points(s, length, false, points);
    for (size_t i = 0; i < count; i++) {
        if (escape != 0 && points[i] == escape && i + 1 < count) {
            i++;
        } else if (points[i] == '%' || points[i] == '_') {
            out[n++] = points[i] == '%' ? ORACLE_RUN : ORACLE_ONE;
            continue;
        }
        out[n++] = fold ? utf8_fold(points[i]) : points[i];
    }
    return n;
}

static inline bool oracle_like(const char *pattern, size_t length, const char *escape,
                               size_t escape_length, bool fold, const char *text,
                               size_t text_length)
{
    static uint32_t tokens[ORACLE_ROOM], points[ORACLE_ROOM];
    static bool row[ORACLE_ROOM + 1];
    size_t zero = 0;
    uint32_t escape_point = escape_length != 0 ? utf8_next(escape, escape_length, &zero) : 0;
    size_t token_count = oracle_tokens(pattern, length, escape_point, fold, tokens);
    size_t n = oracle_points(text, text_length, fold, points);
    memset(row, 0, sizeof row);
    row[0] = true;
    for (size_t i = 0; i < token_count; i++) {
        if (tokens[i] == ORACLE_RUN) {
            for (size_t j = 1; j <= n; j++) {
                row[j] = row[j] || row[j - 1];
            }
            continue;
        }
        for (size_t j = n; j > 0; j--) {
            row[j] = row[j - 1] && (tokens[i] == ORACLE_ONE || tokens[i] == points[j - 1]);
        }
        row[0] = false;
    }
    return row[n];
}

#endif
