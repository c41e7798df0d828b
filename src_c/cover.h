/* cover.h - does one filter cover another? do they overlap?
 *
 * g covers s when every event that makes s true makes g true: over missing attributes, NULL, wrong
 * types and arrays, too. To see it, s is taken apart into its terms (formula.h), and g is evaluated
 * on each of them as if on an event, where a leaf of g is true when some literal of the term implies
 * it, and false when one implies that it is false:
 *
 *     s   a > 5 AND b = 1          g   a > 3 OR c = 2
 *
 *         a > 5   implies  a > 3:  true        so g covers s
 *         nothing implies  c = 2:  unknown
 *
 * Whatever comes out true is true for every event of the term, so a covering found is one. Not every
 * one is found (that would be co-NP-complete), but all are where both filters are ANDs of =, IN,
 * ranges, STARTS_WITH and EXISTS on distinct paths.
 *
 * Two filters overlap unless each pair of their terms has literals that contradict each other. Where
 * values are single at shared paths (ME_VALUES_ONE_SHARED), literals of different filters contradict
 * each other as they do of one value, and literals of one filter as they do of an array.
 *
 * Source: conjunctions as in Carzaniga, Rosenblum, Wolf, "Design and Evaluation of a Wide-Area Event
 * Notification Service" (TOCS 2001), section 4; arrays, NULL and NOT are ours.
 */
#ifndef MATCHENGINE_COVER_H
#define MATCHENGINE_COVER_H

#include "formula.h"

/* Does `g` cover `s`, which is expanded? False where the effort ends. `stack` has room for as many
 * bytes as `g` has nodes. */
bool formula_covers(const formula *g, const formula *s, uint8_t *stack, effort *left);

/* May an event satisfy both, which are expanded? `single`: with one value at each path of both. True
 * where the effort ends. */
bool formula_overlaps(const formula *f, const formula *g, bool single, effort *left);

#endif
