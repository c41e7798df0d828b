/* value_cut.h - the order of cuts (value_set.h). */
#ifndef MATCHENGINE_VALUE_CUT_H
#define MATCHENGINE_VALUE_CUT_H

#include "value_set.h"

/* Negative, zero or positive: is `a` below, at or above `b`? Zero when no value lies between. */
int cut_order(const cut *a, const cut *b);

#endif
