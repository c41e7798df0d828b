/* string_index.h - which patterns does this string satisfy? One pass for all of them. */
#ifndef MATCHENGINE_STRING_INDEX_H
#define MATCHENGINE_STRING_INDEX_H

#include "heap.h"
#include "value.h"

/* What a pattern is. PREFIX is not here: it is an interval of strings (cuts.h). */
typedef enum string_kind {
    STRING_SUFFIX = 1,
    STRING_CONTAINS,
    STRING_LIKE,
    STRING_ILIKE,
    STRING_MATCHES
} string_kind;

/* All patterns of one path. The caller owns the numbers it gives to patterns. */
typedef struct string_index string_index;

string_index *string_index_new(heap *h, uint64_t seed);
void string_index_free(string_index *ix);

/* Adds a pattern under the caller's number (unique in this index). LIKE and ILIKE take the pattern
 * text and its escape character (a string of one code point, or empty), MATCHES a regex that
 * regex_check accepts. The bytes are copied.
 * Microseconds, whatever the number of patterns (for a regex tens of them, at worst some
 * milliseconds). False: no memory, nothing changed.
 * A pattern is hash-consed: adding an equal (kind, pattern, escape) again is the caller's mistake;
 * it asks string_index_find first. */
bool string_index_add(string_index *ix, string_kind kind, me_value pattern, me_value escape,
                      uint32_t number);

/* The number of an equal pattern, or UINT32_MAX. */
uint32_t string_index_find(const string_index *ix, string_kind kind, me_value pattern,
                           me_value escape);

/* Never fails. The number must be in the index. */
void string_index_remove(string_index *ix, uint32_t number);

uint32_t string_index_count(const string_index *ix);

/* Has the pattern no literal, so that every text has to be tried? */
bool string_index_is_everywhere(const string_index *ix, uint32_t number);

/* A regex without a literal that is not asked for is no part of searches any more; string_index_try
 * tries it. Any other pattern is always asked for. Never fails. */
void string_index_set_asked(string_index *ix, uint32_t number, bool asked);

/* Calls for a result set: the numbers of the patterns that `text` satisfies, each at most once. */
typedef struct string_hits {
    heap heap;
    uint32_t *numbers;
    uint32_t count, cap;
    /* scratch, private to string_search.c */
    uint32_t *seen;
    uint32_t seen_cap;
    uint32_t epoch;
    char *folded;
    uint32_t folded_cap;
    uint32_t state_cap;
    uint64_t *state;
    uint64_t *rows; /* of REGEX_ROW_WORDS, or NULL */
    struct needle_hop *hops;
} string_hits;

void string_hits_init(string_hits *hits);
void string_hits_free(string_hits *hits);

/* Fills hits->numbers (replacing what was there). Reads the index only; any number of threads may
 * search at once, each with its own `hits`. False when there is no memory. */
bool string_index_search(const string_index *ix, const char *text, size_t length,
                         string_hits *hits);

/* Does `text`, of the index's last search with `hits`, satisfy a pattern that is not asked for? False
 * for any other pattern. Never fails. */
bool string_index_try(const string_index *ix, uint32_t number, const char *text, size_t length,
                      string_hits *hits);

bool string_index_validate(const string_index *ix, const char **why);

/* Does a LIKE pattern match `text`? Linear in the text for any pattern that has not more than 16,384
 * code points with a `_` among them between two `%`; like.h has a variant for those. */
typedef struct like_pattern like_pattern;
like_pattern *like_compile(heap *h, const char *pattern, size_t length, const char *escape,
                           size_t escape_length, bool fold);
void like_free(heap *h, like_pattern *p);
bool like_match(const like_pattern *p, const char *text, size_t length);

#endif
