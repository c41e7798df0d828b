/* evaluate.c - a computed predicate on one event: every combination of its paths' values.
 *
 * The wheels of an odometer, one for each path, go through the chains of log entries:
 *
 *     a: [1, 2]  b: [5, 6, 7]        (1 5) (2 5) (1 6) (2 6) (1 7) (2 7)
 *
 * and the outcome is the Kleene OR over all of them, so the first that is true ends it. Paths are
 * on one wheel however often they are mentioned. Nothing is allocated: encoding has made room for
 * the largest computation of the engine.
 *
 * How long an event takes is bounded: where there are more combinations than the filter's share
 * none is looked at, and what came out is noted, because a filter with several anchors, or one on
 * an array, is verified once for each that is met.
 */
#include "scratch.h"

/* Are there no more combinations than may be looked at? Counts no further than that. */
static bool is_bounded(const me_event *ev, const computation *c)
{
    uint64_t product = 1;
    for (uint32_t i = 0; i < c->path_count; i++) {
        uint64_t count = 0;
        for (uint32_t at = ev->table[slot_newest(c->paths[i])]; at != UINT32_MAX;
             at = ev->log.entries[at].next) {
            if (product * ++count > c->most) {
                return false;
            }
        }
        product *= count;
    }
    return true;
}

static void turn_to(me_event *ev, const computation *c, uint32_t wheel, uint32_t entry)
{
    ev->wheels[wheel] = entry;
    ev->operands[wheel] = ev->log.entries[entry].value;
    ev->operands[c->path_count + wheel] = ev->numbers[entry];
}

/* The next combination; false after the last one. */
static bool turn(me_event *ev, const computation *c)
{
    for (uint32_t i = 0; i < c->path_count; i++) {
        uint32_t next = ev->log.entries[ev->wheels[i]].next;
        if (next != UINT32_MAX) {
            turn_to(ev, c, i, next);
            return true;
        }
        turn_to(ev, c, i, ev->table[slot_newest(c->paths[i])]);
    }
    return false;
}

static me_truth run(me_event *ev, const computation *c)
{
    const me_value *plain = ev->operands, *numbers = plain + c->path_count;
    bool unknown = false;
    do {
        me_truth truth = computation_run(c, plain, numbers, ev->operands + 2 * c->path_count);
        if (truth == ME_TRUE) {
            return ME_TRUE;
        }
        unknown |= truth == ME_UNKNOWN;
    } while (turn(ev, c));
    return unknown ? ME_UNKNOWN : ME_FALSE;
}

/* Of a computation three marks, one for each outcome. */
static me_truth run_once(me_event *ev, const computation *c, uint32_t number)
{
    for (uint32_t truth = ME_FALSE; truth <= ME_UNKNOWN; truth++) {
        if (marks_has(&ev->outcomes, 3 * number + truth)) {
            return (me_truth)truth;
        }
    }
    me_truth found = is_bounded(ev, c) ? run(ev, c) : ME_UNKNOWN;
    marks_set(&ev->outcomes, 3 * number + (uint32_t)found);
    return found;
}

me_truth evaluate(const me_engine *e, me_event *ev, uint32_t number)
{
    const computation *c = pool_block(&e->computations, number);
    bool many = false;
    for (uint32_t i = 0; i < c->path_count; i++) {
        uint32_t code = ev->table[slot_code(c->paths[i])];
        if (code == CODE_MISSING) {
            return ME_UNKNOWN;
        }
        many |= code == CODE_MANY;
        turn_to(ev, c, i, ev->table[slot_newest(c->paths[i])]);
    }
    if (many) {
        return run_once(ev, c, number);
    }
    const me_value *plain = ev->operands, *numbers = plain + c->path_count;
    return computation_run(c, plain, numbers, ev->operands + 2 * c->path_count);
}
