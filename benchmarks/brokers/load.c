/* A load: publishes prepared frames on one connection, counts what arrives on another.
 *
 *     stream ──publisher──► broker(s) ──subscriber──► frames skipped by their lengths, counted
 *
 * Made so that it is never what a run waits for: nothing is encoded, decoded or allocated here, and
 * as much is read and written in one call as there is. Both sockets are connected, through their
 * handshakes, and do not block. At most `window` events are between publisher and subscriber, for
 * every system the same, so that none has to drop any or to hold more than another.
 *
 * Frames of events are sent in units, prepared too. Without a rate a unit is sent as soon as the
 * window has room for it. With one, unit n is due n / rate after the beginning, whatever has become
 * of those before it, and the time of an event is that from when it was due until it was here.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { MATCHENGINE, MQTT, NATS };
enum { FAILED = -1, CLOSED = -2, STALLED = -3, UNEXPECTED = -4 };
enum { ROOM = 1 << 20, SECOND = 1000000000, PATIENCE = 20 };

/* Types of frames, docs/protocol.md. */
enum { DELIVER = 0x66, TAKEN = 0x64, CONSUMED = 0x46, PING = 0x05 };

typedef struct {
    int64_t protocol;
    int64_t publisher; /* sockets */
    int64_t subscriber;
    const uint8_t *stream; /* the units, one after another */
    const uint64_t *ends;  /* where each ends */
    uint64_t units;
    uint64_t per_unit; /* events */
    uint64_t window;   /* events */
    double rate;       /* units a second; 0: as the window permits */
    uint64_t *times;   /* ns, of each event; or NULL */
} load;

/* What has been read from a socket and not been understood yet, and what is only to be skipped. */
typedef struct {
    int socket;
    uint8_t *bytes;
    size_t count;
    uint64_t skip;    /* bytes of the present frame that are still to come */
    uint64_t carries; /* events in it, which are here when it is */
    uint64_t events;
    uint64_t taken;
} input;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static uint64_t big_endian(const uint8_t *at, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

/* Sends something short that is no event, however long it takes. */
static bool say(int socket, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    while (size > 0) {
        ssize_t done = send(socket, at, size, MSG_NOSIGNAL);
        if (done < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        if (done > 0) {
            at += done;
            size -= (size_t)done;
        }
    }
    return true;
}

/* ---- frames ------------------------------------------------------------------------------------
 *
 * A head is read where a frame begins: its length, 0 if it is not all here, or UNEXPECTED. What
 * stands behind it goes to `skip` and `carries`. */

static int64_t head_of_ours(input *in, const uint8_t *at, size_t count)
{
    if (count < 5)
        return 0;
    uint64_t length = big_endian(at, 4);
    switch (at[4]) {
    case DELIVER:
        if (count < 9)
            return 0;
        in->carries = big_endian(at + 5, 4);
        in->skip = length - 5;
        return 9;
    case TAKEN:
        if (count < 13)
            return 0;
        in->taken = big_endian(at + 5, 8);
        return 13;
    case PING:
        return 5;
    default:
        return UNEXPECTED;
    }
}

static int64_t head_of_mqtt(input *in, const uint8_t *at, size_t count)
{
    uint64_t length = 0;
    for (size_t i = 1; i < 5; i++) {
        if (i >= count)
            return 0;
        length |= (uint64_t)(at[i] & 127) << 7 * (i - 1);
        if (at[i] < 128) {
            in->carries = at[0] >> 4 == 3; /* PUBLISH */
            in->skip = length;
            return (int64_t)i + 1;
        }
    }
    return UNEXPECTED;
}

static int64_t head_of_nats(input *in, const uint8_t *at, size_t count)
{
    const uint8_t *end = memchr(at, '\n', count);
    if (end == NULL)
        return 0;
    if (at[0] == 'M') { /* MSG subject sid size */
        const uint8_t *digit = end - 1;
        while (digit > at && digit[-1] != ' ')
            digit--;
        in->carries = 1;
        in->skip = strtoull((const char *)digit, NULL, 10) + 2;
    } else if (at[0] == 'P') { /* PING, or PONG, which means nothing */
        if (at[1] == 'I' && !say(in->socket, "PONG\r\n", 6))
            return UNEXPECTED;
    } else if (at[0] != 'I') { /* INFO */
        return UNEXPECTED;
    }
    return end + 1 - at;
}

static int64_t (*const HEADS[])(input *, const uint8_t *, size_t) = {head_of_ours, head_of_mqtt,
                                                                     head_of_nats};

/* Reads all there is. */
static int64_t take_in(input *in, int64_t protocol)
{
    for (;;) {
        ssize_t size = recv(in->socket, in->bytes + in->count, ROOM - in->count, 0);
        if (size < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : FAILED;
        if (size == 0)
            return CLOSED;
        size_t at = 0, end = in->count + (size_t)size;
        for (;;) {
            uint64_t skipped = in->skip < end - at ? in->skip : end - at;
            at += skipped;
            in->skip -= skipped;
            if (in->skip > 0)
                break;
            in->events += in->carries;
            in->carries = 0;
            int64_t head = HEADS[protocol](in, in->bytes + at, end - at);
            if (head < 0)
                return head;
            if (head == 0)
                break;
            at += (size_t)head;
        }
        in->count = end - at;
        memmove(in->bytes, in->bytes + at, in->count);
        if ((size_t)size < ROOM / 2)
            return 0;
    }
}

static bool say_consumed(const input *in)
{
    uint8_t frame[13] = {0, 0, 0, 9, CONSUMED};
    for (int i = 0; i < 8; i++)
        frame[5 + i] = (uint8_t)(in->events >> (56 - 8 * i));
    return say(in->socket, frame, sizeof frame);
}

/* ---- the load ------------------------------------------------------------------------------- */

typedef struct {
    const load *l;
    input answers, events; /* of the publisher, of the subscriber */
    uint64_t begun;
    uint64_t sent;    /* units, as far as they are all with the kernel */
    uint64_t allowed; /* units that may be sent by now */
    uint64_t bytes;   /* of the stream that are sent */
    uint64_t timed;   /* events */
} state;

static uint64_t due(const state *s, uint64_t unit)
{
    return s->begun + (uint64_t)((double)unit * SECOND / s->l->rate);
}

static void allow(state *s, uint64_t now)
{
    const load *l = s->l;
    while (s->allowed < l->units) {
        uint64_t after = (s->allowed + 1) * l->per_unit;
        if (after > s->events.events + l->window)
            break;
        if (l->protocol == MATCHENGINE && after > s->answers.taken + l->window)
            break;
        if (l->rate > 0 && due(s, s->allowed) > now)
            break;
        s->allowed++;
    }
}

static int64_t put_out(state *s)
{
    const load *l = s->l;
    uint64_t end = s->allowed > 0 ? l->ends[s->allowed - 1] : 0;
    while (s->bytes < end) {
        ssize_t size = send((int)l->publisher, l->stream + s->bytes, end - s->bytes, MSG_NOSIGNAL);
        if (size < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : FAILED;
        s->bytes += (uint64_t)size;
    }
    return 0;
}

/* Until a socket is ready or the next unit is due. */
static int64_t wait_for(const state *s, uint64_t now, short *of_publisher, short *of_subscriber)
{
    const load *l = s->l;
    struct pollfd sockets[2] = {{(int)l->publisher, POLLIN, 0}, {(int)l->subscriber, POLLIN, 0}};
    uint64_t wait = SECOND;
    if (s->allowed > 0 && s->bytes < l->ends[s->allowed - 1])
        sockets[0].events |= POLLOUT;
    if (l->rate > 0 && s->allowed < l->units && due(s, s->allowed) > now)
        wait = due(s, s->allowed) - now;
    struct timespec timeout = {(time_t)(wait / SECOND), (long)(wait % SECOND)};
    if (ppoll(sockets, 2, &timeout, NULL) < 0 && errno != EINTR)
        return FAILED;
    *of_publisher = sockets[0].revents;
    *of_subscriber = sockets[1].revents;
    return 0;
}

static int64_t step(state *s)
{
    const load *l = s->l;
    uint64_t now = now_ns(), before = s->events.events;
    short of_publisher = 0, of_subscriber = 0;
    allow(s, now);
    int64_t failed = put_out(s);
    if (failed == 0)
        failed = wait_for(s, now, &of_publisher, &of_subscriber);
    if (failed == 0 && of_publisher & (POLLIN | POLLERR | POLLHUP))
        failed = take_in(&s->answers, l->protocol);
    if (failed == 0 && of_subscriber)
        failed = take_in(&s->events, l->protocol);
    if (failed == 0 && s->events.events > before) {
        now = now_ns();
        if (l->protocol == MATCHENGINE && !say_consumed(&s->events))
            failed = FAILED;
        for (; l->times != NULL && s->timed < s->events.events; s->timed++)
            l->times[s->timed] = now - due(s, s->timed / l->per_unit);
    }
    return failed;
}

static int64_t run_steps(state *s)
{
    const load *l = s->l;
    uint64_t all = l->units * l->per_unit, seen = 0, seen_at = s->begun;
    while (s->events.events < all || (l->protocol == MATCHENGINE && s->answers.taken < all)) {
        int64_t failed = step(s);
        if (failed < 0)
            return failed;
        if (s->events.events > all)
            return UNEXPECTED;
        if (s->events.events > seen) {
            seen = s->events.events;
            seen_at = now_ns();
        } else if (now_ns() > seen_at + (uint64_t)PATIENCE * SECOND) {
            return STALLED;
        }
    }
    return (int64_t)(now_ns() - s->begun);
}

/* Publishes all units; returns once all events have come back: ns, or what went wrong. `times`
 * has room for all events. */
int64_t run_load(const load *l)
{
    state s = {.l = l, .begun = now_ns()};
    s.answers.socket = (int)l->publisher;
    s.events.socket = (int)l->subscriber;
    s.answers.bytes = malloc(ROOM);
    s.events.bytes = malloc(ROOM);
    int64_t result = FAILED;
    if (s.answers.bytes != NULL && s.events.bytes != NULL)
        result = run_steps(&s);
    free(s.answers.bytes);
    free(s.events.bytes);
    return result;
}
