/* value_pattern.h - which strings fit the pattern of a set (value_set.h). */
#ifndef MATCHENGINE_VALUE_PATTERN_H
#define MATCHENGINE_VALUE_PATTERN_H

#include "like.h"
#include "regex.h"
#include "value_set.h"

typedef enum answer { NO, YES, UNSURE } answer; /* UNSURE: no memory, or too long a search */

/* A pattern compiled, to be asked about many strings. */
typedef struct value_pattern {
    const value_set *set;
    heap heap;
    like_pattern *like;
    regex *regex;
    uint64_t *state;
} value_pattern;

void value_pattern_open(value_pattern *p, const value_set *set);
void value_pattern_close(value_pattern *p);
answer value_pattern_has(const value_pattern *p, const me_value *v);

/* Does every string of the pattern `a` fit the pattern `b`? By their texts; seldom YES. */
answer value_pattern_within(const value_set *a, const value_set *b);

answer text_contains(const me_value *text, const me_value *part);

#endif
