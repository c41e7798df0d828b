/* replay.c - the kept corpus of one fuzzer, input by input, without libFuzzer: any C compiler will do.
 *
 *     fuzz_sequence                 the corpus that it was built with
 *     fuzz_sequence FILE...         files that a fuzzer has left, one input each
 */
#include <stdio.h>

#include "bytes.h"

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

int main(int argc, char **argv)
{
    size_t size, inputs = 0;
    for (int i = 1; i < argc; i++) {
        uint8_t *data = read_all(argv[i], &size);
        try(data, size);
        free(data);
    }
    if (argc > 1) {
        return 0;
    }
    uint8_t *data = read_all(CORPUS, &size);
    for (size_t at = 0; at + 4 <= size; inputs++) {
        size_t length = data[at] + ((size_t)data[at + 1] << 8) + ((size_t)data[at + 2] << 16);
        MUST(length <= size - at - 4);
        try(data + at + 4, length);
        at += 4 + length;
    }
    free(data);
    printf("%zu inputs\n", inputs);
    return inputs == 0;
}
