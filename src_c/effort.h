/* effort.h - what a question about filters may still cost. Filters come from strangers, so whoever
 * reasons about them spends from this, and when it is used up takes the safe answer. */
#ifndef MATCHENGINE_EFFORT_H
#define MATCHENGINE_EFFORT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct effort {
    uint64_t work;     /* bytes of leaves compared, some nanoseconds each */
    uint64_t literals; /* in terms */
    bool cut;          /* the terms say less than the filter */
} effort;

/* Of two filters (a fifth of a second at most), of one of many, and of a note that each `add` makes. */
#define EFFORT_PAIR ((effort){UINT64_C(1) << 26, UINT64_C(1) << 20, false})
#define EFFORT_CANDIDATE ((effort){UINT64_C(1) << 22, UINT64_C(1) << 18, false})
#define EFFORT_NOTE ((effort){UINT64_C(1) << 19, UINT64_C(1) << 16, false})

/* Takes `cost` from what is left; false, and nothing is left, when it is more. */
static inline bool effort_spend(uint64_t *left, uint64_t cost)
{
    bool enough = cost <= *left;
    *left = enough ? *left - cost : 0;
    return enough;
}

#endif
