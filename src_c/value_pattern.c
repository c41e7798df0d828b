#include "value_pattern.h"

#include <string.h>

#define SEARCH_STEPS (UINT64_C(1) << 24) /* of a naive search */

answer text_contains(const me_value *text, const me_value *part)
{
    if ((uint64_t)text->len * part->len > SEARCH_STEPS) {
        return UNSURE;
    }
    for (uint32_t at = 0; part->len <= text->len && at <= text->len - part->len; at++) {
        if (memcmp(text->as.s + at, part->as.s, part->len) == 0) {
            return YES;
        }
    }
    return NO;
}

static bool text_ends_with(const me_value *text, const me_value *end)
{
    return end->len <= text->len &&
           memcmp(text->as.s + (text->len - end->len), end->as.s, end->len) == 0;
}

void value_pattern_open(value_pattern *p, const value_set *set)
{
    *p = (value_pattern){.set = set};
    const me_value *text = &set->text, *escape = &set->escape;
    if (set->op == OP_MATCHES) {
        p->regex = regex_compile(&p->heap, text->as.s, text->len, NULL);
        uint32_t words = p->regex != NULL ? regex_state_words(p->regex) : 0;
        p->state = words > 0 ? heap_alloc(&p->heap, words * sizeof *p->state) : NULL;
    } else if (set->op == OP_LIKE || set->op == OP_ILIKE) {
        p->like = like_compile(&p->heap, text->as.s, text->len, escape->as.s, escape->len,
                               set->op == OP_ILIKE);
    }
}

void value_pattern_close(value_pattern *p)
{
    if (p->regex != NULL) {
        heap_free(&p->heap, p->state, regex_state_words(p->regex) * sizeof *p->state);
    }
    regex_free(&p->heap, p->regex);
    like_free(&p->heap, p->like);
}

answer value_pattern_has(const value_pattern *p, const me_value *v)
{
    if (v->type != ME_STRING) {
        return NO;
    }
    switch (p->set->op) {
    case OP_SUFFIX:
        return text_ends_with(v, &p->set->text);
    case OP_CONTAINS:
        return text_contains(v, &p->set->text);
    case OP_MATCHES:
        return p->regex == NULL || (p->state == NULL && regex_state_words(p->regex) > 0)
                   ? UNSURE
                   : regex_match(p->regex, v->as.s, v->len, p->state, NULL);
    default:
        return p->like == NULL || like_state_words(p->like) > 0
                   ? UNSURE
                   : like_match(p->like, v->as.s, v->len);
    }
}

answer value_pattern_within(const value_set *a, const value_set *b)
{
    if (a->op == b->op && value_equal(&a->text, &b->text) && value_equal(&a->escape, &b->escape)) {
        return YES;
    }
    if (b->op == OP_CONTAINS) {
        bool holds_text = a->op == OP_SUFFIX || a->op == OP_CONTAINS;
        return holds_text ? text_contains(&a->text, &b->text) : NO;
    }
    return b->op == OP_SUFFIX && a->op == OP_SUFFIX && text_ends_with(&a->text, &b->text);
}
