/* bind.h - the named parameters of one filter text: found by name, each used at least once. */
#ifndef MATCHENGINE_BIND_H
#define MATCHENGINE_BIND_H

#include "heap.h"
#include "parse.h"

/* A hash table over the caller's array, so that a text with very many parameters stays linear. */
typedef struct bindings {
    const me_parameter *parameters;
    uint32_t count;
    uint32_t mask;   /* slots - 1; slots are at least twice the count */
    uint32_t *slots; /* parameter number + 1, 0 for empty; NULL when there are no parameters */
    uint8_t *used;   /* one byte per parameter, behind the slots */
} bindings;

/* False: no memory (or more than 2^30 parameters). */
bool bindings_init(bindings *b, heap *h, const me_parameter *parameters, size_t count);
void bindings_free(bindings *b, heap *h);

/* The parameter with this name, from now on used; NULL when there is none. */
const me_parameter *bindings_find(bindings *b, const char *name, size_t length);

/* The first parameter that was never found, or NULL. */
const me_parameter *bindings_unused(const bindings *b);

#endif
