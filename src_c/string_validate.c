#include "require.h"
#include "string_parts.h"

static bool validate_slots(const string_index *ix, const char **why)
{
    uint32_t slots = ix->by_text != NULL ? 1u << ix->log_slots : 0, texts = 0, numbers = 0;
    for (uint32_t i = 0; i < slots; i++) {
        REQUIRE(ix->by_text[i] <= ix->count && ix->by_number[i] <= ix->count);
        texts += ix->by_text[i] != 0;
        numbers += ix->by_number[i] != 0;
    }
    REQUIRE(texts == ix->count && numbers == ix->count);
    for (uint32_t slot = 0; slot < ix->count; slot++) {
        const string_pattern *p = ix->all[slot];
        REQUIRE(p->slot == slot);
        me_value text = value_of_string(p->text, p->length);
        me_value escape = value_of_string(p->text + p->length, p->escape_length);
        REQUIRE(string_index_find(ix, p->kind, text, escape) == p->number);
        uint32_t mask = slots - 1, i = p->number * 0x9E3779B1u >> (32 - ix->log_slots);
        while (ix->by_number[i] != slot + 1) {
            REQUIRE(ix->by_number[i] != 0);
            i = (i + 1) & mask;
        }
    }
    return true;
}

/* One pattern in the place that it names. */
static bool validate_place(const string_index *ix, const string_pattern *p, const char **why)
{
    const needle *n = &p->needle;
    if (p->place == FILED_EACH) {
        REQUIRE(p->kind == STRING_MATCHES && p->regex != NULL);
        REQUIRE(p->points < ix->each_count && ix->each[p->points].pattern == p);
        return true;
    }
    if (p->place == FILED_ANYTHING) {
        REQUIRE(p->like == NULL);
        REQUIRE(n->prev != NULL ? n->prev->next == n : ix->anything == n);
        REQUIRE(n->next == NULL || n->next->prev == n);
        return true;
    }
    REQUIRE(n->length > n->start);
    REQUIRE(n->backward == (p->place == FILED_END));
    REQUIRE(p->place == FILED_GRAM || n->start == 0);
    REQUIRE(p->kind == STRING_MATCHES ? p->regex != NULL && !p->decided
                                      : p->decided || p->like != NULL);
    const string_side *side = &ix->sides[p->kind == STRING_ILIKE];
    needle_set set = p->place == FILED_START ? side->starts : side->ends;
    if (p->place == FILED_GRAM) {
        REQUIRE(p->class < GRAM_CLASSES);
        const gram_table *grams = &side->grams[p->class];
        REQUIRE(n->start + grams->width <= n->length);
        REQUIRE(p->class + 1 == GRAM_CLASSES || n->length < string_gram_widths[p->class + 1]);
        const needle_set *found = grams_find(grams, gram_at(grams, n->bytes + n->start));
        REQUIRE(found != NULL);
        set = *found;
    }
    return needles_validate(set, n, why);
}

/* Each set has one key more than nodes, so nothing is in it that is not in `all`. */
static bool validate_totals(const string_index *ix, const char **why)
{
    uint32_t each = 0;
    for (uint32_t i = 0; i < ix->count; i++) {
        each += ix->all[i]->place == FILED_EACH;
    }
    REQUIRE(each == ix->each_count && each <= ix->each_cap && ix->each_asked <= each);
    for (uint32_t s = 0; s < 2; s++) {
        const string_side *side = &ix->sides[s];
        uint32_t filed = 0, keys = 0, nodes = 0;
        uint32_t sets = (side->starts != 0 ? 1u : 0u) + (side->ends != 0 ? 1u : 0u);
        for (uint32_t i = 0; i < ix->count; i++) {
            const string_pattern *p = ix->all[i];
            bool listed = p->place == FILED_ANYTHING || p->place == FILED_EACH;
            if (!listed && (p->kind == STRING_ILIKE) == (s == 1)) {
                filed++;
                keys += p->needle.prev == NULL;
                nodes += p->needle.has_node;
            }
        }
        for (uint32_t c = 0; c < GRAM_CLASSES; c++) {
            if (!grams_validate(&side->grams[c], why)) {
                return false;
            }
            sets += side->grams[c].count;
        }
        REQUIRE(filed == side->count);
        REQUIRE(keys == nodes + sets);
    }
    return true;
}

bool string_index_validate(const string_index *ix, const char **why)
{
    REQUIRE(ix->count <= ix->cap);
    REQUIRE((ix->by_text == NULL) == (ix->count == 0));
    if (!validate_slots(ix, why)) {
        return false;
    }
    for (uint32_t i = 0; i < ix->count; i++) {
        if (!validate_place(ix, ix->all[i], why)) {
            return false;
        }
    }
    return validate_totals(ix, why);
}
