/* program.h - a Boolean formula that is not a plain conjunction, as jump code.
 *
 * Compiled formulas hold no NOT (test.h), so evaluation is short-circuit: each instruction tests a
 * leaf and says where to go when it holds and when not.
 *
 *     (a OR b) AND c        0: a  true -> 2      false -> 1
 *                           1: b  true -> 2      false -> FALSE
 *                           2: c  true -> TRUE   false -> FALSE
 *
 * Jumps only go forward, so a program of n leaves takes at most n steps.
 */
#ifndef MATCHENGINE_PROGRAM_H
#define MATCHENGINE_PROGRAM_H

#include "test.h"

#define PROGRAM_TRUE UINT32_MAX
#define PROGRAM_FALSE (UINT32_MAX - 1)

typedef struct instruction {
    test test;
    uint32_t on_true, on_false;
} instruction;

typedef struct program {
    uint32_t count;
    instruction code[];
} program;

/* A set of codes, for IN: sorted, no duplicates. */
typedef struct code_set {
    uint32_t count;
    uint32_t codes[];
} code_set;

static inline bool code_set_has(const code_set *s, uint32_t code)
{
    uint32_t lo = 0, n = s->count;
    while (n > 1) {
        uint32_t half = n / 2;
        lo = s->codes[lo + half] <= code ? lo + half : lo;
        n -= half;
    }
    return s->count > 0 && s->codes[lo] == code;
}

#endif
