/* cover_note.h - sixteen bytes about a subscription, to tell most of those that a filter cannot cover.
 *
 *     present   bits of the paths that must be there for it to be true
 *     equal     bits of (path, value) where it is true only if a leaf takes this one value
 *
 * When f covers s, s demands whatever f demands, so all bits of f are bits of s. A subscription that
 * nothing can satisfy demands everything. A sweep over the notes of all subscriptions costs 16 bytes
 * of memory traffic each, and what is left is looked at by formula_covers.
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

/* What an expanded formula demands; `cut` as its expansion has left it. */
cover_note note_of_formula(const formula *f, uint64_t seed, bool cut);

static inline bool note_demands(const cover_note *s, const cover_note *f)
{
    const uint64_t bits = (UINT64_C(1) << NOTE_BITS) - 1;
    return ((f->equal | s->equal) & NOTE_CUT) != 0 ||
           ((f->present & ~s->present) == 0 && (f->equal & ~s->equal & bits) == 0);
}

#endif
