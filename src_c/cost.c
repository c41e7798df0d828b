/* cost.c - how often is a condition met? The estimates that choose anchors.
 *
 * From sampled events where there are any (the matcher samples one in SAMPLE_EVERY): how often a
 * path was there, how often it had this constant, which share of its last labels lay in this
 * range. Cold, the order of operators that PS-Tree uses (Ji & Jacobsen, PVLDB 12(3), section 4.2):
 * equality before ranges before presence, with a range weighed by the share of known cuts in it.
 */
#include "engine.h"

/* Below this many samples frequencies say little. */
#define WARM_EVENTS 64u

static bool is_warm(const me_engine *e)
{
    return e->sampled_events >= WARM_EVENTS;
}

double cost_present(const me_engine *e, uint32_t path)
{
    if (!is_warm(e)) {
        return 0.5;
    }
    return (e->histories[path].seen + 0.5) / (e->sampled_events + 1.0);
}

double cost_constant(const me_engine *e, uint32_t path, uint32_t number)
{
    /* Guess that the path has a few more values than subscriptions name. */
    double guess = cost_present(e, path) / (8.0 + e->infos[path].constants);
    if (!is_warm(e)) {
        return guess;
    }
    /* The guess counts as much as one sampled event: a constant never seen is rare, not absent. */
    return (e->constants.records[number].seen + guess) / (e->sampled_events + 1.0);
}

double cost_range(const me_engine *e, uint32_t path, uint32_t lo, uint32_t width)
{
    const path_info *info = &e->infos[path];
    const path_history *history = &e->histories[path];
    const cuts *c = lo >= LABEL_STRINGS ? info->strings : &info->numbers;
    double share = c != NULL ? cuts_share(c, lo, width) : 1.0;
    if (history->sample != NULL && history->sampled >= PATH_SAMPLE) {
        uint32_t inside = 0;
        for (uint32_t i = 0; i < PATH_SAMPLE; i++) {
            inside += history->sample[i] - lo <= width;
        }
        share = (inside + share) / (PATH_SAMPLE + 1.0);
    }
    return cost_present(e, path) * share;
}

double cost_pattern(const me_engine *e, uint32_t number)
{
    const pattern *p = &e->patterns[number];
    return cost_present(e, p->path) * (p->everywhere ? 1.0 : 0.05);
}
