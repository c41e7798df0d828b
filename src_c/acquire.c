/* acquire.c - what the leaves of a filter need from the engine's tables, taken and given back.
 *
 * Taking works leaf by leaf and writes the stored form on the way; when something fails, what has
 * been written is exactly what must be given back, and giving back cannot fail.
 */
#include "engine.h"

/* The constants of a leaf in canonical form, one after another. */
typedef struct leaf_values {
    const uint8_t *at;
    uint32_t left;
    me_value a, b;
    uint32_t given;
    const filter_node *leaf;
} leaf_values;

static leaf_values values_of(const filter_node *leaf)
{
    leaf_values v = {.leaf = leaf, .at = leaf->items};
    v.left = leaf->op == OP_IN ? leaf->count : leaf->op == OP_BETWEEN ? 2 : 1;
    return v;
}

static bool next_value(leaf_values *v, me_value *out)
{
    if (v->left == 0) {
        return false;
    }
    v->left--;
    if (v->leaf->op == OP_IN) {
        v->at = filter_read_value(v->at, out);
    } else {
        *out = v->given++ == 0 ? v->leaf->a : v->leaf->b;
    }
    *out = value_canonical(*out);
    return true;
}

static bool uses_constants(filter_op op)
{
    return op == OP_EQ || op == OP_NE || op == OP_IN;
}

static bool uses_cuts(filter_op op)
{
    return op >= OP_LT && op <= OP_BETWEEN;
}

/* ---- prefixes ----------------------------------------------------------------------------------- */

/* The two cuts of STARTS_WITH 'ab' are 'ab' and its successor 'ac': the least string above all that
 * start with it. UTF-8 never holds 0xFF, so the last byte can always be raised. The empty prefix
 * is every string and needs no cut. `successor` is a writable copy of the prefix. */
static bool with_successor(heap *h, const me_value *prefix, me_value *successor, char **copy)
{
    *copy = heap_alloc(h, prefix->len);
    if (*copy == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < prefix->len; i++) {
        (*copy)[i] = prefix->as.s[i];
    }
    (*copy)[prefix->len - 1] = (char)((unsigned char)(*copy)[prefix->len - 1] + 1);
    *successor = value_of_string(*copy, prefix->len);
    return true;
}

/* ---- patterns ----------------------------------------------------------------------------------- */

static string_kind kind_of(filter_op op)
{
    return op == OP_SUFFIX     ? STRING_SUFFIX
           : op == OP_CONTAINS ? STRING_CONTAINS
           : op == OP_LIKE     ? STRING_LIKE
           : op == OP_MATCHES  ? STRING_MATCHES
                               : STRING_ILIKE;
}

static me_value escape_of(const filter_node *leaf)
{
    return leaf->op == OP_LIKE || leaf->op == OP_ILIKE ? leaf->b : value_of_string("", 0);
}

uint32_t pattern_of_leaf(const me_engine *e, const filter_node *leaf)
{
    return string_index_find(e->infos[leaf->path_number].patterns, kind_of(leaf->op), leaf->a,
                             escape_of(leaf));
}

static void drop_empty_index(path_info *info)
{
    if (info->patterns != NULL && string_index_count(info->patterns) == 0) {
        string_index_free(info->patterns);
        info->patterns = NULL;
    }
}

/* Enters a pattern that its path's index does not have. */
static bool add_pattern(me_engine *e, path_info *info, const filter_node *leaf)
{
    uint32_t number = e->pattern_free;
    if (number == UINT32_MAX) {
        number = e->pattern_count;
        if (!heap_reserve(&e->parts[ME_PATTERNS], &e->patterns, &e->pattern_cap, number + 1,
                          sizeof(pattern))) {
            return false;
        }
    }
    if (!string_index_add(info->patterns, kind_of(leaf->op), leaf->a, escape_of(leaf), number)) {
        return false;
    }
    if (number == e->pattern_count) {
        e->pattern_count++;
    } else {
        e->pattern_free = e->patterns[number].path;
    }
    e->patterns[number] =
        (pattern){.path = leaf->path_number,
                  .references = 1,
                  .cluster = CLUSTER_NONE,
                  .everywhere = string_index_is_everywhere(info->patterns, number)};
    string_index_set_asked(info->patterns, number, false);
    return true;
}

static bool acquire_pattern(me_engine *e, const filter_node *leaf)
{
    path_info *info = &e->infos[leaf->path_number];
    if (info->patterns == NULL) {
        info->patterns = string_index_new(&e->parts[ME_PATTERNS], e->seed);
        if (info->patterns == NULL) {
            return false;
        }
    }
    uint32_t number = pattern_of_leaf(e, leaf);
    if (number != UINT32_MAX) {
        e->patterns[number].references++;
        return true;
    }
    bool added = add_pattern(e, info, leaf);
    drop_empty_index(info);
    return added;
}

static void release_pattern(me_engine *e, const filter_node *leaf)
{
    path_info *info = &e->infos[leaf->path_number];
    uint32_t number = pattern_of_leaf(e, leaf);
    pattern *p = &e->patterns[number];
    if (--p->references > 0) {
        return;
    }
    string_index_remove(info->patterns, number);
    *p = (pattern){.path = e->pattern_free, .cluster = CLUSTER_NONE};
    e->pattern_free = number;
    drop_empty_index(info);
}

/* ---- cuts ----------------------------------------------------------------------------------------- */

/* The cuts for values like `v`, made when there are none; NULL: no memory. */
static cuts *make_cuts(me_engine *e, path_info *info, const me_value *v)
{
    if (v->type == ME_STRING && info->strings == NULL) {
        info->strings = heap_zalloc(&e->parts[ME_CUTS], sizeof(cuts));
    }
    return v->type == ME_STRING ? info->strings : &info->numbers;
}

static void drop_empty_cuts(me_engine *e, path_info *info)
{
    if (info->strings != NULL && info->strings->count == 0) {
        cuts_free(info->strings, &e->parts[ME_CUTS]);
        heap_free(&e->parts[ME_CUTS], info->strings, sizeof(cuts));
        info->strings = NULL;
    }
}

static me_status acquire_cut(me_engine *e, uint32_t path, const me_value *value)
{
    cuts *c = make_cuts(e, &e->infos[path], value);
    if (c == NULL) {
        return ME_NOMEM;
    }
    cuts_status status = cuts_acquire(c, &e->parts[ME_CUTS], value);
    if (status == CUTS_FULL) {
        status = relabel_path(e, path) ? cuts_acquire(c, &e->parts[ME_CUTS], value) : CUTS_NOMEM;
    }
    drop_empty_cuts(e, &e->infos[path]);
    return status == CUTS_OK ? ME_OK : ME_NOMEM;
}

static void release_cut(me_engine *e, uint32_t path, const me_value *value)
{
    path_info *info = &e->infos[path];
    path_history *history = &e->histories[path];
    cuts_release(value->type == ME_STRING ? info->strings : &info->numbers, &e->parts[ME_CUTS],
                 value);
    drop_empty_cuts(e, info);
    if (info->numbers.count == 0 && info->strings == NULL && history->sample != NULL) {
        heap_free(&e->parts[ME_PATHS], history->sample, PATH_SAMPLE * sizeof(uint32_t));
        history->sample = NULL;
        history->sampled = 0;
    }
}

static me_status acquire_prefix(me_engine *e, uint32_t path, const me_value *prefix)
{
    if (prefix->len == 0) {
        return ME_OK;
    }
    me_value successor;
    char *copy;
    if (!with_successor(&e->heap, prefix, &successor, &copy)) {
        return ME_NOMEM;
    }
    me_status status = acquire_cut(e, path, prefix);
    if (status == ME_OK) {
        status = acquire_cut(e, path, &successor);
        if (status != ME_OK) {
            release_cut(e, path, prefix);
        }
    }
    heap_free(&e->heap, copy, prefix->len);
    return status;
}

/* Finds the successor cut without memory: it is the only cut with these bytes, last one raised, so
 * the prefix's own bytes are raised in place for the moment of the look-up. The bytes are the
 * engine's own stored filter, which no reader looks at while the engine is being changed. */
static me_value raise_in_place(const me_value *prefix)
{
    char *bytes = (char *)(uintptr_t)prefix->as.s;
    bytes[prefix->len - 1] = (char)((unsigned char)bytes[prefix->len - 1] + 1);
    return *prefix;
}

static void lower_in_place(const me_value *prefix)
{
    char *bytes = (char *)(uintptr_t)prefix->as.s;
    bytes[prefix->len - 1] = (char)((unsigned char)bytes[prefix->len - 1] - 1);
}

static void release_prefix(me_engine *e, uint32_t path, const me_value *prefix)
{
    if (prefix->len == 0) {
        return;
    }
    release_cut(e, path, prefix);
    me_value successor = raise_in_place(prefix);
    release_cut(e, path, &successor);
    lower_in_place(prefix);
}

static void interval(uint32_t from, uint32_t to, uint32_t *lo, uint32_t *width)
{
    *lo = from <= to ? from : LABEL_NEVER;
    *width = from <= to ? to - from : 0;
}

static void range_of_prefix(const cuts *c, const me_value *prefix, uint32_t *lo, uint32_t *width)
{
    if (prefix->len == 0) {
        interval(LABEL_STRINGS, LABEL_STRINGS_END, lo, width);
        return;
    }
    uint32_t from = cuts_label(c, prefix);
    me_value successor = raise_in_place(prefix);
    uint32_t to = cuts_label(c, &successor) - 1;
    lower_in_place(prefix);
    interval(from, to, lo, width);
}

void range_of_leaf(const me_engine *e, const filter_node *leaf, uint32_t *lo, uint32_t *width)
{
    const cuts *c = cuts_for(&e->infos[leaf->path_number], &leaf->a);
    if (leaf->op == OP_PREFIX) {
        range_of_prefix(c, &leaf->a, lo, width);
        return;
    }
    bool text = leaf->a.type == ME_STRING;
    uint32_t start = text ? LABEL_STRINGS : LABEL_NUMBERS;
    uint32_t end = text ? LABEL_STRINGS_END : LABEL_NUMBERS_END;
    me_value a = value_canonical(leaf->a);
    uint32_t label = cuts_label(c, &a);
    switch (leaf->op) {
    case OP_LT:
        interval(start, label - 1, lo, width);
        return;
    case OP_LE:
        interval(start, label, lo, width);
        return;
    case OP_GT:
        interval(label + 1, end, lo, width);
        return;
    case OP_GE:
        interval(label, end, lo, width);
        return;
    default: {
        me_value b = value_canonical(leaf->b);
        interval(label, cuts_label(c, &b), lo, width);
    }
    }
}

/* ---- leaves --------------------------------------------------------------------------------------- */

static void release_values(me_engine *e, const filter_node *leaf, uint32_t count)
{
    uint32_t path = leaf->path_number;
    leaf_values values = values_of(leaf);
    me_value v;
    while (count-- > 0 && next_value(&values, &v)) {
        if (uses_constants(leaf->op)) {
            constants_release(&e->constants, constants_find(&e->constants, path, &v));
            path_info *info = &e->infos[path];
            info->marks = --info->constants > 0 ? info->marks : 0;
        } else {
            release_cut(e, path, &v);
        }
    }
}

static me_status acquire_constant(me_engine *e, uint32_t path, const me_value *v)
{
    uint64_t hash = constants_hash(&e->constants, path, v);
    if (constants_acquire(&e->constants, path, v, hash) == CONSTANT_NONE) {
        return ME_NOMEM;
    }
    e->infos[path].constants++;
    e->infos[path].marks |= constants_mark(hash);
    return ME_OK;
}

static me_status acquire_values(me_engine *e, const filter_node *leaf)
{
    uint32_t path = leaf->path_number, done = 0;
    leaf_values values = values_of(leaf);
    me_status status = ME_OK;
    me_value v;
    while (status == ME_OK && next_value(&values, &v)) {
        status =
            uses_constants(leaf->op) ? acquire_constant(e, path, &v) : acquire_cut(e, path, &v);
        done += status == ME_OK;
    }
    if (status != ME_OK) {
        release_values(e, leaf, done);
    }
    return status;
}

static me_status acquire_leaf(me_engine *e, const filter_node *leaf)
{
    if (uses_constants(leaf->op) || uses_cuts(leaf->op)) {
        return acquire_values(e, leaf);
    }
    if (leaf->op == OP_PREFIX) {
        return acquire_prefix(e, leaf->path_number, &leaf->a);
    }
    if (filter_op_is_pattern(leaf->op)) {
        return acquire_pattern(e, leaf) ? ME_OK : ME_NOMEM;
    }
    return ME_OK;
}

/* Entries for every path in the arrays that describe paths. */
static bool reserve_infos(me_engine *e)
{
    uint32_t old = e->infos_cap;
    if (!heap_reserve(&e->parts[ME_PATHS], &e->infos, &e->infos_cap, e->paths.count,
                      sizeof(path_info))) {
        return false;
    }
    for (uint32_t i = old; i < e->infos_cap; i++) {
        e->infos[i] = (path_info){.present = CLUSTER_NONE, .wide = CLUSTER_NONE};
    }
    old = e->histories_cap;
    if (!heap_reserve(&e->parts[ME_PATHS], &e->histories, &e->histories_cap, e->paths.count,
                      sizeof(path_history))) {
        return false;
    }
    for (uint32_t i = old; i < e->histories_cap; i++) {
        e->histories[i] = (path_history){0};
    }
    return true;
}

uint32_t acquire_path(me_engine *e, const char *name, size_t length)
{
    uint32_t path = paths_intern(&e->paths, name, length);
    /* A test has room for so many paths (test.h). */
    if (path != PATH_NONE && (path > TEST_SLOT_MASK / TABLE_ROW - 1 || !reserve_infos(e))) {
        paths_release(&e->paths, path);
        return PATH_NONE;
    }
    return path;
}

/* After the last use nothing of a path is left but what was learned of it, and its number may come
 * back with another name. */
void release_path(me_engine *e, uint32_t path)
{
    if (e->paths.nodes[path].uses == 1) {
        e->histories[path] = (path_history){0};
    }
    paths_release(&e->paths, path);
}

void write_leaf_constants(filter_writer *out, const filter_node *leaf)
{
    if (leaf->op == OP_IN) {
        filter_write_count(out, leaf->count);
        const uint8_t *at = leaf->items;
        for (uint32_t i = 0; i < leaf->count; i++) {
            me_value v;
            at = filter_read_value(at, &v);
            filter_write_value(out, &v);
        }
        return;
    }
    if (leaf->op != OP_EXISTS && leaf->op != OP_IS_NULL) {
        filter_write_value(out, &leaf->a);
    }
    if (leaf->op == OP_BETWEEN || leaf->op == OP_LIKE || leaf->op == OP_ILIKE) {
        filter_write_value(out, &leaf->b);
    }
}

static me_status acquire_node(me_engine *e, filter_node *node, filter_writer *out)
{
    uint32_t before = out->length;
    if (!filter_op_is_leaf(node->op)) {
        filter_write_op(out, node->op);
        if (node->op == OP_AND || node->op == OP_OR) {
            filter_write_count(out, node->count);
        }
        out->length = out->failed ? before : out->length;
        return out->failed ? ME_NOMEM : ME_OK;
    }
    if (!acquire_names(e, node, out)) {
        out->length = before;
        return ME_NOMEM;
    }
    filter_node leaf = *node;
    leaf_as_plain(&leaf);
    me_status status = acquire_leaf(e, &leaf);
    if (status != ME_OK) {
        out->length = before;
        release_names(e, node);
    }
    return status;
}

me_status acquire_filter(me_engine *e, const uint8_t *bytes, size_t length, filter_writer *out)
{
    filter_reader r = {.at = bytes, .end = bytes + length, .named = true};
    filter_node node;
    me_status status = ME_OK;
    while (status == ME_OK && filter_next(&r, &node)) {
        status = acquire_node(e, &node, out);
    }
    if (status != ME_OK) {
        release_filter(e, out->bytes, out->length);
    }
    return status;
}

void release_filter(me_engine *e, const uint8_t *bytes, size_t length)
{
    if (length == 0) {
        return;
    }
    filter_reader r = {.at = bytes, .end = bytes + length, .named = false};
    filter_node node;
    while (filter_next(&r, &node)) {
        if (!filter_op_is_leaf(node.op)) {
            continue;
        }
        filter_node leaf = node;
        leaf_as_plain(&leaf);
        if (uses_constants(leaf.op) || uses_cuts(leaf.op)) {
            release_values(e, &leaf, UINT32_MAX);
        } else if (leaf.op == OP_PREFIX) {
            release_prefix(e, leaf.path_number, &leaf.a);
        } else if (filter_op_is_pattern(leaf.op)) {
            release_pattern(e, &leaf);
        }
        release_names(e, &node);
    }
}
