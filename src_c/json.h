/* json.h - a JSON text, validated whole, of which only the subscribed paths are kept. */
#ifndef MATCHENGINE_JSON_H
#define MATCHENGINE_JSON_H

#include "event.h"

/* Reads one JSON object into `log` (which must have been reset).
 *
 * Everything is checked, wanted or not: RFC 8259 syntax, UTF-8, escapes (a lone surrogate is an
 * error), the limits on bytes, depth, values and digits. Scalars whose path is a node of `p` with
 * uses > 0 are put into the log in document order; in one object a later duplicate key replaces
 * what the earlier one contributed. Strings borrow from `text` or from the log's arena.
 *
 * ME_EVENT (with the byte offset and what was expected), ME_EVENT_LIMIT (limit, value, offset),
 * ME_NOMEM. Never recurses; linear in `length`. */
me_status json_read(const char *text, size_t length, const me_limits *limits, const paths *p,
                    event_log *log, me_error *error);

#endif
