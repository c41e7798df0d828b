/* replay.c - the kept corpus of one fuzzer without libFuzzer: any C compiler will do. Each input is
 * tried as it is and with some changes, the same in every run.
 *
 *     fuzz_sequence                 the corpus that it was built with
 *     fuzz_sequence FILE...         files that a fuzzer has left, one input each
 *     FUZZ_CHANGES=1000             changes of each input, for longer; 8 without
 */
#include "../c/check.h"
#include "bytes.h"

#define INPUTS 8192u
#define LARGEST 65536u

typedef struct input {
    const uint8_t *at;
    size_t size;
} input;

static uint8_t *read_all(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        fprintf(stderr, "%s cannot be read\n", path);
        exit(1);
    }
    fseek(f, 0, SEEK_END);
    *size = (size_t)ftell(f);
    rewind(f);
    uint8_t *data = malloc(*size + 1);
    MUST(data != NULL && fread(data, 1, *size, f) == *size);
    fclose(f);
    return data;
}

/* In a block of its own size. */
static void try(const uint8_t *data, size_t size)
{
    uint8_t *copy = (uint8_t *)exact_copy(data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static size_t below(uint64_t *random, size_t bound)
{
    return check_below(random, (uint32_t)bound);
}

/* Overwrites, puts in, takes out, or takes over from another input. */
static void change(uint64_t *random, uint8_t *data, size_t *size, const input *other)
{
    static const uint8_t edges[] = {0, 1, 2, 0x7F, 0x80, 0xFF, '"', '\''};
    size_t at = below(random, *size + 1), many = 1 + below(random, 8), rest = *size - at;
    switch (below(random, 4)) {
    case 0:
        if (rest > 0) {
            data[at] = below(random, 2) == 0 ? edges[below(random, sizeof edges)]
                                             : (uint8_t)below(random, 256);
        }
        break;
    case 1:
        if (*size + many <= LARGEST) {
            memmove(data + at + many, data + at, rest);
            for (size_t i = 0; i < many; i++) {
                data[at + i] = (uint8_t)below(random, 256);
            }
            *size += many;
        }
        break;
    case 2:
        many = many < rest ? many : rest;
        memmove(data + at, data + at + many, rest - many);
        *size -= many;
        break;
    default:
        if (other->size > 0 && other->size <= LARGEST) {
            size_t from = below(random, other->size), room = LARGEST - at;
            size_t taken = other->size - from < room ? other->size - from : room;
            memcpy(data + at, other->at + from, taken);
            *size = at + taken > *size ? at + taken : *size;
        }
    }
}

static void try_changed(const input *inputs, size_t count, uint32_t changes)
{
    static uint8_t data[LARGEST];
    uint64_t random = 7;
    for (size_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < changes && inputs[i].size <= LARGEST; k++) {
            size_t size = inputs[i].size;
            memcpy(data, inputs[i].at, size);
            for (size_t times = 1 + below(&random, 3); times > 0; times--) {
                change(&random, data, &size, &inputs[below(&random, count)]);
            }
            try(data, size);
        }
    }
}

static void try_corpus(uint32_t changes)
{
    static input inputs[INPUTS];
    size_t size, count = 0;
    uint8_t *data = read_all(CORPUS, &size);
    for (size_t at = 0; at + 4 <= size; count++) {
        size_t length = data[at] + ((size_t)data[at + 1] << 8) + ((size_t)data[at + 2] << 16);
        MUST(length <= size - at - 4 && count < INPUTS);
        inputs[count] = (input){data + at + 4, length};
        try(inputs[count].at, length);
        at += 4 + length;
    }
    MUST(count > 0);
    try_changed(inputs, count, changes);
    free(data);
    printf("%zu inputs, %u changes of each\n", count, changes);
}

int main(int argc, char **argv)
{
    const char *changes = getenv("FUZZ_CHANGES");
    for (int i = 1; i < argc; i++) {
        size_t size;
        uint8_t *data = read_all(argv[i], &size);
        try(data, size);
        free(data);
    }
    if (argc == 1) {
        try_corpus(changes != NULL ? (uint32_t)strtoul(changes, NULL, 10) : 8);
    }
    return 0;
}
