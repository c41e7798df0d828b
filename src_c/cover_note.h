/* cover_note.h - forty bytes about a subscription, to tell most of those that a filter cannot cover.
 *
 *     present   bits of the paths that must be there for it to be true
 *     equal     bits of (path, value) where it is true only if a leaf takes this one value
 *     spans     on its first paths of numbers: from where, and up to where
 *
 * When f covers s, s demands whatever f demands, so all bits of f are bits of s. A subscription that
 * nothing can satisfy demands everything.
 *
 * Spans are of a conjunction of leaves that can all be true: whatever it has on other paths, there is
 * an event that it matches with any one number of the span at the path, and nothing else there. f
 * matches that event, too, so its span there holds all these numbers. Ends are kept as floats, or
 * rather as integers in the order of floats; rounding keeps order, and a step is allowed for two ways
 * to say one end (> 5, >= the next number).
 *
 * A sweep over the notes of all subscriptions costs 40 bytes of memory traffic each, and what is left
 * is looked at by formula_covers.
 *
 * The notes are made when they are first asked for (me_engine_keep_notes), and then kept up to date
 * by every change.
 */
#ifndef MATCHENGINE_COVER_NOTE_H
#define MATCHENGINE_COVER_NOTE_H

#include "engine.h"
#include "formula.h"

#define NOTE_NEVER (UINT64_C(1) << 63) /* in `equal`: no event makes it true */
#define NOTE_PLAIN (UINT64_C(1) << 62) /* neither NOT nor IS NULL */
#define NOTE_CUT (UINT64_C(1) << 61)   /* its terms say less than it: nothing can be told from it */
#define NOTE_BITS 61u

/* What an expanded formula demands; `shortened`: what its expansion says (effort.cut). */
cover_note note_of_formula(const formula *f, uint64_t seed, bool shortened);

/* Does a span of f, at a path where s has one, leave out some of it? */
static inline bool note_exceeds(const cover_note *s, const cover_note *f)
{
    for (uint32_t i = 0; i < NOTE_SPANS && f->spans[i].path_plus_1 != 0; i++) {
        for (uint32_t k = 0; k < NOTE_SPANS; k++) {
            if (s->spans[k].path_plus_1 == f->spans[i].path_plus_1 &&
                (s->spans[k].low + 1 < f->spans[i].low ||
                 s->spans[k].high - 1 > f->spans[i].high)) {
                return true;
            }
        }
    }
    return false;
}

static inline bool note_demands(const cover_note *s, const cover_note *f)
{
    const uint64_t bits = (UINT64_C(1) << NOTE_BITS) - 1;
    return ((f->equal | s->equal) & NOTE_CUT) != 0 ||
           ((f->present & ~s->present) == 0 && (f->equal & ~s->equal & bits) == 0 &&
            !note_exceeds(s, f));
}

#endif
