/* Reads JSON texts from standard input and says of each whether json_read accepts it.
 *
 *     <length>\n<bytes>          per text; texts follow one another
 *
 *     ok                         or
 *     error <offset> <message>
 *
 * Nothing is subscribed but "x", so both the checked and the kept half of the reader run. Exits
 * with 1 when the input itself is not in this form.
 */
#include <stdio.h>
#include <stdlib.h>

#include "json.h"

static const me_limits limits = {
    .event_bytes = 16 << 20, .event_depth = 512, .event_values = 65536, .digits = 1000};

static int judge(const paths *p, event_log *log, size_t length)
{
    char *text = malloc(length > 0 ? length : 1);
    if (text == NULL || fread(text, 1, length, stdin) != length) {
        free(text);
        return 1;
    }
    me_error error = {0};
    event_log_reset(log);
    if (json_read(text, length, &limits, p, log, &error) == ME_OK) {
        puts("ok");
    } else {
        printf("error %zu %s\n", error.offset, error.message);
    }
    free(text);
    return 0;
}

int main(void)
{
    heap h = {0};
    paths p;
    event_log log;
    event_log_init(&log);
    if (!paths_init(&p, &h, 1) || paths_intern(&p, "x", 1) == PATH_NONE) {
        return 1;
    }
    int bad = 0;
    size_t length;
    while (bad == 0 && scanf("%zu", &length) == 1) {
        bad = getchar() != '\n' || judge(&p, &log, length) != 0;
    }
    event_log_free(&log);
    paths_free(&p);
    return bad || !feof(stdin);
}
