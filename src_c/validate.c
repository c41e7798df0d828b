/* validate.c - the invariants of engine.h, checked the slow and obvious way. */
#include <string.h>

#include "engine.h"
#include "require.h"

typedef struct counts {
    uint64_t paths, constants, cuts, patterns; /* references held by stored filters */
} counts;

/* A row (cluster, at) belongs to the handle whose place says so. */
static bool place_says(const me_engine *e, uint32_t owner, uint32_t number, uint32_t at)
{
    uint32_t handle = owner & OWNER_MASK;
    if (handle >= e->handle_count || e->sources[handle] == NULL) {
        return false;
    }
    const place *p = &e->places[handle];
    if ((owner & ROW_MANY) == 0) {
        return p->cluster == number && p->row == at;
    }
    if (p->cluster != PLACE_MANY) {
        return false;
    }
    const row_list *list = pool_block(&e->lists, p->row);
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->rows[i].cluster == number && list->rows[i].row == at) {
            return true;
        }
    }
    return false;
}

static bool validate_clusters(const me_engine *e, uint64_t *rows, const char **why)
{
    if (!clusters_validate(&e->clusters, why)) {
        return false;
    }
    for (uint32_t i = 0; i < e->clusters.count; i++) {
        cluster *c = &e->clusters.all[i];
        if (c->kind == CLUSTER_FREE) {
            continue;
        }
        uint32_t *lead = cluster_lead((me_engine *)(uintptr_t)e, c);
        REQUIRE(lead == NULL || *lead == i);
        columns k = cluster_columns(c);
        for (uint32_t r = 0; r < c->count; r++) {
            REQUIRE(place_says(e, k.tails[r].owner, i, r));
        }
        *rows += c->count;
    }
    return true;
}

static bool validate_leads(const me_engine *e, const char **why)
{
    for (uint32_t i = 0; i < e->constants.count; i++) {
        const constant *k = &e->constants.records[i];
        REQUIRE(k->value.type == 0 ||
                (e->infos[k->path].marks &
                 constants_mark(constants_hash(&e->constants, k->path, &k->value))) != 0);
        REQUIRE(k->value.type == 0 || k->cluster == CLUSTER_NONE ||
                (k->cluster < e->clusters.count && e->clusters.all[k->cluster].key == i &&
                 e->clusters.all[k->cluster].kind == CLUSTER_EQUAL));
    }
    for (uint32_t i = 0; i < e->pattern_count; i++) {
        const pattern *p = &e->patterns[i];
        REQUIRE(p->references == 0 || p->cluster == CLUSTER_NONE ||
                (e->clusters.all[p->cluster].key == i &&
                 e->clusters.all[p->cluster].kind == CLUSTER_PATTERN));
    }
    return true;
}

static bool is_idle(const path_info *info)
{
    return info->numbers.count == 0 && info->strings == NULL && info->patterns == NULL &&
           info->constants == 0 && info->present == CLUSTER_NONE && info->wide == CLUSTER_NONE;
}

static bool validate_infos(const me_engine *e, counts *held, const char **why)
{
    for (uint32_t i = 0; i < e->infos_cap; i++) {
        const path_info *info = &e->infos[i];
        bool used = i < e->paths.count && e->paths.nodes[i].uses > 0;
        REQUIRE(used || is_idle(info));
        if (!cuts_validate(&info->numbers, why)) {
            return false;
        }
        held->cuts += cuts_references(&info->numbers);
        if (info->strings != NULL) {
            if (!cuts_validate(info->strings, why)) {
                return false;
            }
            held->cuts += cuts_references(info->strings);
        }
        REQUIRE(info->patterns == NULL || string_index_validate(info->patterns, why));
        held->paths += used ? e->paths.nodes[i].uses : 0;
    }
    return true;
}

static uint32_t value_count(const filter_node *leaf)
{
    return leaf->op == OP_IN ? leaf->count : leaf->op == OP_BETWEEN ? 2 : 1;
}

static void count_leaf(const filter_node *leaf, counts *c)
{
    if (leaf->op == OP_EQ || leaf->op == OP_NE || leaf->op == OP_IN) {
        c->constants += value_count(leaf);
    } else if (leaf->op >= OP_LT && leaf->op <= OP_BETWEEN) {
        c->cuts += value_count(leaf);
    } else if (leaf->op == OP_PREFIX) {
        c->cuts += leaf->a.len > 0 ? 2 : 0;
    } else if (filter_op_is_pattern(leaf->op)) {
        c->patterns++;
    }
}

static bool count_paths(const me_engine *e, const filter_node *leaf, counts *c, const char **why)
{
    if (leaf->op != OP_COMPUTE) {
        REQUIRE(leaf->path_number < e->paths.count);
        c->paths++;
        return true;
    }
    expression_reader code = expression_of(leaf, false);
    expression_item item;
    while (expression_next(&code, &item)) {
        REQUIRE(item.op != EXPRESSION_PATH || item.path_number < e->paths.count);
        c->paths += item.op == EXPRESSION_PATH;
    }
    return true;
}

/* The references that all stored filters hold. */
static bool count_sources(const me_engine *e, counts *wanted, uint64_t *rows, const char **why)
{
    uint32_t live = 0;
    for (uint32_t i = 0; i < e->handle_count; i++) {
        if (e->sources[i] == NULL) {
            REQUIRE(e->places[i].cluster == PLACE_FREE || e->places[i].cluster == PLACE_RETIRED);
            continue;
        }
        live++;
        const place *p = &e->places[i];
        *rows += p->cluster == PLACE_NEVER  ? 0
                 : p->cluster == PLACE_MANY ? ((row_list *)pool_block(&e->lists, p->row))->count
                                            : 1;
        const uint8_t *bytes;
        size_t length;
        source_size(e->sources[i], &bytes, &length);
        filter_reader r = {.at = bytes, .end = bytes + length, .named = false};
        filter_node node;
        while (filter_next(&r, &node)) {
            if (filter_op_is_leaf(node.op)) {
                REQUIRE(count_paths(e, &node, wanted, why));
                leaf_as_plain(&node);
                count_leaf(&node, wanted);
            }
        }
    }
    REQUIRE(live == e->live);
    return true;
}

/* Every stored interval of labels must end at a live cut, one beside it, or a region's end. */
static bool is_end(const path_info *info, uint32_t label)
{
    if (label == LABEL_NUMBERS || label == LABEL_NUMBERS_END || label == LABEL_STRINGS ||
        label == LABEL_STRINGS_END || label == LABEL_NEVER) {
        return true;
    }
    return cuts_has_end(&info->numbers, label) ||
           (info->strings != NULL && cuts_has_end(info->strings, label));
}

static bool validate_ranges(const me_engine *e, const char **why)
{
    for (uint32_t i = 0; i < e->clusters.count; i++) {
        cluster *c = &e->clusters.all[i];
        if (c->kind != CLUSTER_FREE && cluster_has_ranges(c)) {
            columns k = cluster_columns(c);
            for (uint32_t r = 0; r < c->count; r++) {
                REQUIRE(is_end(&e->infos[c->key], k.ranges[r].lo));
                REQUIRE(is_end(&e->infos[c->key], k.ranges[r].lo + k.ranges[r].width));
            }
        }
    }
    return true;
}

/* The notes of covering say of each subscription what its filter says. */
static bool validate_notes(const me_engine *e, const char **why)
{
    for (uint32_t i = 0; e->keeps_notes && i < e->handle_count; i++) {
        const uint8_t *filter;
        size_t length;
        cover_note note;
        if (e->sources[i] != NULL) {
            source_size(e->sources[i], &filter, &length);
            bool read = note_of_stored(e, filter, length, &note);
            REQUIRE(!read || memcmp(&note, &e->notes[i], sizeof note) == 0);
        }
    }
    return true;
}

bool me_engine_validate(const me_engine *e, const char **why)
{
    counts held = {0}, wanted = {0};
    uint64_t rows = 0, placed = 0;
    for (uint32_t i = 0; i < e->constants.count; i++) {
        held.constants +=
            e->constants.records[i].value.type != 0 ? e->constants.records[i].references : 0;
    }
    for (uint32_t i = 0; i < e->pattern_count; i++) {
        held.patterns += e->patterns[i].references;
    }
    if (!paths_validate(&e->paths, why) || !constants_validate(&e->constants, why) ||
        !bodies_validate(&e->bodies, why) || !validate_clusters(e, &rows, why) ||
        !validate_leads(e, why) || !validate_infos(e, &held, why) ||
        !count_sources(e, &wanted, &placed, why) || !validate_ranges(e, why) ||
        !validate_notes(e, why)) {
        return false;
    }
    REQUIRE(rows == placed);
    REQUIRE(held.paths == wanted.paths);
    REQUIRE(held.constants == wanted.constants);
    REQUIRE(held.cuts == wanted.cuts);
    REQUIRE(held.patterns == wanted.patterns);
    return true;
}
