/* acquire_names.c - the stored form of a leaf, and the paths it mentions (acquire.c): one, or in a
 * computed predicate as many as it likes. */
#include "engine.h"

static void release_paths(me_engine *e, const filter_node *leaf)
{
    expression_reader code = expression_of(leaf, false);
    expression_item item;
    while (expression_next(&code, &item)) {
        if (item.op == EXPRESSION_PATH) {
            release_path(e, item.path_number);
        }
    }
}

/* Copies one item to stored form. On failure nothing of it is left. */
static bool acquire_item(me_engine *e, expression_item *item, filter_writer *out)
{
    uint32_t before = out->length;
    bool is_path = item->op == EXPRESSION_PATH;
    if (is_path) {
        item->path_number = acquire_path(e, item->path, item->path_length);
        if (item->path_number == PATH_NONE) {
            return false;
        }
    }
    expression_write(out, item);
    if (out->failed) {
        out->length = before;
        if (is_path) {
            release_path(e, item->path_number);
        }
    }
    return !out->failed;
}

/* Takes back the items that have been written from byte `start` on. */
static void give_back(me_engine *e, filter_writer *out, uint32_t start)
{
    if (out->length > start) {
        filter_node taken = {.code = out->bytes + start, .items = out->bytes + start};
        taken.count = out->length - start;
        release_paths(e, &taken);
        out->length = start;
    }
}

static bool acquire_paths(me_engine *e, filter_node *leaf, filter_writer *out)
{
    expression_reader named = expression_of(leaf, true);
    expression_item item;
    uint32_t start = out->length;
    bool good = true;
    while (good && expression_next(&named, &item)) {
        good = acquire_item(e, &item, out);
    }
    filter_writer_reserve(out, FILTER_HEAD); /* then finishing cannot fail */
    if (!good || out->failed) {
        give_back(e, out, start);
        return false;
    }
    expression_finish(out, start, leaf->relation);
    filter_reader r = {.at = out->bytes + start, .end = out->bytes + out->length};
    filter_next(&r, leaf);
    return true;
}

bool acquire_names(me_engine *e, filter_node *node, filter_writer *out)
{
    if (node->op == OP_COMPUTE) {
        return acquire_paths(e, node, out);
    }
    node->path_number = acquire_path(e, node->path, node->path_length);
    if (node->path_number == PATH_NONE) {
        return false;
    }
    filter_write_op(out, node->op);
    filter_write_path_number(out, node->path_number);
    write_leaf_constants(out, node);
    if (out->failed) {
        release_path(e, node->path_number);
    }
    return !out->failed;
}

void release_names(me_engine *e, const filter_node *node)
{
    if (node->op == OP_COMPUTE) {
        release_paths(e, node);
    } else {
        release_path(e, node->path_number);
    }
}
