/* string_place.c - under which needle a pattern is filed (string_parts.h says where there is). */
#include "string_parts.h"

#define PIECES 4u  /* literals of a LIKE pattern that may become its needle */
#define CROWD 8u   /* patterns that may share a needle before another literal is preferred */
#define OFFSETS 8u /* grams of a needle that are looked at */

const uint8_t string_gram_widths[GRAM_CLASSES] = {1, 2, 3, 4, 6, 8};

needle_set *string_set_of(string_index *ix, const string_pattern *p)
{
    string_side *side = string_side_of(ix, p);
    if (p->place != FILED_GRAM) {
        return p->place == FILED_START ? &side->starts : &side->ends;
    }
    const gram_table *grams = &side->grams[p->class];
    return grams_find(grams, gram_at(grams, p->needle.bytes + p->needle.start));
}

/* Makes `piece` the needle, with its first gram where it needs one. */
static void set_needle(string_pattern *p, like_piece piece)
{
    static const uint8_t places[] = {FILED_GRAM, FILED_START, FILED_END};
    p->needle.bytes = piece.bytes;
    p->needle.length = piece.length;
    p->needle.start = 0;
    p->needle.backward = piece.place == PLACE_END;
    p->place = places[piece.place];
    p->class = GRAM_CLASSES - 1;
    while (string_gram_widths[p->class] > piece.length) {
        p->class--;
    }
}

/* Is the needle already that of many patterns? */
static bool crowded(string_index *ix, const string_pattern *p)
{
    needle_set *set = string_set_of(ix, p);
    const needle *n = set != NULL ? needles_find(*set, &p->needle) : NULL;
    uint32_t count = 0;
    while (n != NULL && count < CROWD) {
        n = n->next;
        count++;
    }
    return count == CROWD;
}

/* Takes a later gram of the needle when the first is taken and that one is not. */
static void choose_gram(string_index *ix, string_pattern *p)
{
    if (p->place != FILED_GRAM) {
        return;
    }
    uint32_t last = p->needle.length - string_gram_widths[p->class];
    uint32_t step = last / OFFSETS + 1;
    for (uint32_t start = 0; start <= last; start += step) {
        p->needle.start = start;
        if (string_set_of(ix, p) == NULL) {
            return;
        }
    }
    p->needle.start = 0;
}

/* A LIKE that its needle decides needs no compiled pattern, if its text has the same bytes (it has
 * not when an escape or folding changed them). */
static void drop_like(string_index *ix, string_pattern *p)
{
    uint32_t runs = 0;
    while (p->text[runs] == '%') {
        runs++;
    }
    if (p->length - runs >= p->needle.length &&
        memcmp(p->text + runs, p->needle.bytes, p->needle.length) == 0) {
        p->needle.bytes = p->text + runs;
        like_free(ix->heap, p->like);
        p->like = NULL;
    }
}

/* Makes the best piece the needle, or the first that is not crowded. */
static void choose_needle(string_index *ix, string_pattern *p, const like_piece *pieces,
                          uint32_t count)
{
    uint32_t chosen = 0;
    set_needle(p, pieces[0]);
    while (count > 1 && chosen < count && crowded(ix, p)) {
        chosen++;
        set_needle(p, pieces[chosen % count]); /* all crowded: the best */
    }
}

/* Compiles a LIKE and chooses its needle. False: no memory. */
static bool place_like(string_index *ix, string_pattern *p)
{
    p->like = like_compile(ix->heap, p->text, p->length, p->text + p->length, p->escape_length,
                           p->kind == STRING_ILIKE);
    if (p->like == NULL) {
        return false;
    }
    like_piece pieces[PIECES];
    uint32_t count = like_pieces(p->like, pieces, PIECES);
    if (count == 0) {
        p->place = FILED_ANYTHING;
        p->points = like_points(p->like, &p->open);
        like_free(ix->heap, p->like);
        p->like = NULL;
        return true;
    }
    choose_needle(ix, p, pieces, count);
    p->decided = like_is_one_piece(p->like);
    if (p->decided) {
        drop_like(ix, p);
    }
    return true;
}

/* The literals of a regex, the best first. Returns their number. */
static uint32_t regex_pieces(const regex *r, like_piece pieces[REGEX_PLACES])
{
    static const like_place places[] = {PLACE_START, PLACE_END, PLACE_ANYWHERE};
    uint32_t count = 0;
    for (uint32_t place = 0; place < REGEX_PLACES; place++) {
        regex_needle n = regex_literal_at(r, (regex_place)place);
        like_piece piece = {n.bytes, n.length, places[place]};
        uint32_t i = count;
        for (; i > 0 && like_score(&pieces[i - 1]) < like_score(&piece); i--) {
            pieces[i] = pieces[i - 1];
        }
        pieces[i] = piece;
        count += n.length != 0;
    }
    return count;
}

/* Compiles a regex and chooses its needle. False: no memory. */
static bool place_regex(string_index *ix, string_pattern *p)
{
    regex_ends ends;
    p->regex = regex_compile(ix->heap, p->text, p->length, &ends);
    if (p->regex == NULL) {
        return false;
    }
    like_piece pieces[REGEX_PLACES];
    uint32_t count = regex_pieces(p->regex, pieces);
    if (count > 0) {
        choose_needle(ix, p, pieces, count);
        return true;
    }
    p->place = FILED_EACH;
    p->points = ix->each_count;
    if (!heap_reserve(ix->heap, &ix->each, &ix->each_cap, p->points + 1, sizeof *ix->each)) {
        return false;
    }
    ix->each[p->points] = (string_each){p, ends};
    uint32_t words = regex_state_words(p->regex);
    ix->each_words = words > ix->each_words ? words : ix->each_words;
    return true;
}

bool string_place_pattern(string_index *ix, string_pattern *p)
{
    if (p->kind == STRING_LIKE || p->kind == STRING_ILIKE) {
        if (!place_like(ix, p)) {
            return false;
        }
    } else if (p->kind == STRING_MATCHES) {
        if (!place_regex(ix, p)) {
            return false;
        }
    } else if (p->length == 0) {
        p->place = FILED_ANYTHING;
        p->open = true;
    } else {
        like_place where = p->kind == STRING_SUFFIX ? PLACE_END : PLACE_ANYWHERE;
        set_needle(p, (like_piece){p->text, p->length, where});
        p->decided = true;
    }
    choose_gram(ix, p);
    return true;
}
