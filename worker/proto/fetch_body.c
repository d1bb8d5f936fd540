// SPDX-License-Identifier: MIT
/* Body bytes on their way from the protocol to the caller.
 *
 * Collected: into one buffer, or not copied at all when the whole of a small body lies behind its
 * head. Streamed: through a buffer of about STREAM_HIGH; compressed input that would overfill it
 * waits undecoded, and while anything waits the connection is not read. A bomb thus costs the same
 * memory as any other body.
 */
#include "worker/proto/fetch_int.h"

#include <string.h>
#include <strings.h>

#include "common/base/clk.h"
#include "common/base/mem.h"
#include "worker/proto/decode.h"

#define ARRIVALS_MOST 1024u /* parts of a stream, not yet read, whose arrivals are told apart */
#define PLACE_MOST ((size_t)256 << 10)    /* of one read: others wait meanwhile */
#define EARLY_RESERVE (UINT64_C(1) << 20) /* do not believe more of an announced length at once */

/* A body of no coding that is known is handed over as it is; one of several of which some are not
 * known is nothing anybody could read. */
static void open_decoder(struct fetch *f)
{
    static const char name[] = "content-encoding";
    bool is_known = true;
    for (size_t i = 0; i < f->response.header_count; i++) {
        const struct fetch_header *h = &f->response.headers[i];
        if (h->name_len == sizeof name - 1 && !strncasecmp(h->name, name, sizeof name - 1))
            is_known &= decode_add(&f->decode, h->value, h->value_len);
    }
    f->is_undecodable = f->decode && !is_known;
}

uint64_t fetch_max_body(const struct fetch *f)
{
    return f->request.max_body ? f->request.max_body : f->engine->limits.max_body;
}

enum fetch_error fetch_body_begin(struct fetch *f, size_t at_hand)
{
    if (f->request.discards)
        return FETCH_OK;
    if (!f->request.keep_encoded)
        open_decoder(f);
    if (f->request.mode == FETCH_STREAM || f->decode || !f->has_length)
        return FETCH_OK;
    if (f->length > fetch_max_body(f))
        return FETCH_BODY_TOO_LARGE;
    const uint64_t room = f->length + 1; /* as fetch_body_place asks for */
    if (f->length > at_hand)
        engine_body_get(f->engine, &f->body, room);
    if (f->length > at_hand && !f->body.data &&
        !sbuf_try_reserve(&f->body, room < EARLY_RESERVE ? room : EARLY_RESERVE))
        return FETCH_NO_MEMORY;
    return FETCH_OK;
}

static enum fetch_error error_of(enum decode_step step)
{
    return step == DECODE_BAD         ? FETCH_DECODE
           : step == DECODE_NO_MEMORY ? FETCH_NO_MEMORY
                                      : FETCH_OK;
}

static enum fetch_error collect(struct fetch *f, const char *bytes, size_t len, bool is_stable)
{
    const uint64_t max = fetch_max_body(f);
    if (f->decode) {
        const enum fetch_error error =
            f->is_undecodable ? FETCH_DECODE
                              : error_of(decode_write(f->decode, &bytes, &len, &f->body, max + 1));
        if (error != FETCH_OK)
            return error;
        return f->body.len <= max ? FETCH_OK : FETCH_BODY_TOO_LARGE;
    }
    if (is_stable && f->has_length && f->length == len) {
        f->response.body = bytes;
        f->response.body_len = len;
        return FETCH_OK;
    }
    if (len > max - f->body.len)
        return FETCH_BODY_TOO_LARGE;
    if (f->body.data && bytes == f->body.data + f->body.len) { /* by fetch_body_place */
        f->body.len += len;
        f->body.data[f->body.len] = 0;
        return FETCH_OK;
    }
    if (!sbuf_try_reserve(&f->body, len))
        return FETCH_NO_MEMORY;
    sbuf_add(&f->body, bytes, len);
    return FETCH_OK;
}

char *fetch_body_place(struct fetch *f, uint64_t left, size_t *room)
{
    /* A byte more, so that what the peer says behind the body does not stay in the socket. */
    const size_t most = left < PLACE_MOST ? (size_t)left + 1 : PLACE_MOST;
    if (f->request.mode != FETCH_COLLECT || f->request.discards || f->decode ||
        !sbuf_try_reserve(&f->body, most))
        return NULL;
    *room = most;
    return f->body.data + f->body.len;
}

/* ---- streamed ---- */

/* Part of the body, up to end, by its place in the buffer. */
struct arrival {
    size_t end;
    uint64_t ns;
};

static size_t arrivals(const struct fetch *f, struct arrival **list)
{
    *list = (struct arrival *)(void *)f->arrivals.data;
    return f->arrivals.len / sizeof **list;
}

/* What the body has grown by has just arrived; by two clocks, whose difference trembles: never
 * before what came earlier. */
static void note_arrival(struct fetch *f)
{
    struct arrival *list;
    const size_t n = arrivals(f, &list);
    const size_t known = n ? list[n - 1].end : f->body_read;
    if (!f->request.is_stamped || f->body.len == known)
        return;
    if (f->arrived_ns < f->stamped_ns)
        f->arrived_ns = f->stamped_ns;
    f->stamped_ns = f->arrived_ns;
    if (n && (list[n - 1].ns == f->arrived_ns || n == ARRIVALS_MOST)) {
        list[n - 1] = (struct arrival){f->body.len, f->arrived_ns};
        return;
    }
    const struct arrival more = {f->body.len, f->arrived_ns};
    sbuf_add(&f->arrivals, &more, sizeof more);
}

/* The first `len` bytes of the buffer are gone; parts that end there are. */
static void forget_arrivals(struct fetch *f, size_t len)
{
    struct arrival *list;
    const size_t n = arrivals(f, &list);
    size_t over = 0, kept = 0;
    while (over < n && list[over].end <= f->body_read)
        over++;
    for (size_t i = over; i < n; i++)
        list[kept++] = (struct arrival){list[i].end - len, list[i].ns};
    f->arrivals.len = kept * sizeof *list;
}

/* A reader that never quite catches up must not make what it has read stay. */
static void drop_read(struct fetch *f)
{
    if (f->body_read < STREAM_HIGH)
        return;
    forget_arrivals(f, f->body_read);
    f->body.len -= f->body_read;
    memmove(f->body.data, f->body.data + f->body_read, f->body.len);
    f->body_read = 0;
}

/* Moves undecoded bytes on as far as there is room. */
static enum fetch_error decode_waiting(struct fetch *f)
{
    const char *bytes = f->undecoded.data;
    size_t len = f->undecoded.len;
    const enum decode_step step =
        decode_write(f->decode, &bytes, &len, &f->body, f->body_read + STREAM_HIGH);
    note_arrival(f);
    if (len)
        memmove(f->undecoded.data, bytes, len);
    f->undecoded.len = len;
    f->has_more_decoded = step == DECODE_FULL;
    return error_of(step);
}

static enum fetch_error pass_on(struct fetch *f, const char *bytes, size_t len)
{
    drop_read(f);
    if (!f->decode) {
        sbuf_add(&f->body, bytes, len);
        note_arrival(f);
        return FETCH_OK;
    }
    if (f->is_undecodable)
        return FETCH_DECODE;
    sbuf_add(&f->undecoded, bytes, len);
    return decode_waiting(f);
}

enum fetch_error fetch_body_add(struct fetch *f, const char *bytes, size_t len, bool is_stable)
{
    f->response.wire_body_len += len;
    if (f->request.discards)
        return FETCH_OK;
    return f->request.mode == FETCH_STREAM ? pass_on(f, bytes, len)
                                           : collect(f, bytes, len, is_stable);
}

static bool has_waiting(const struct fetch *f)
{
    return f->undecoded.len || f->has_more_decoded;
}

enum fetch_error fetch_body_finish(struct fetch *f)
{
    if (!f->decode || has_waiting(f) || decode_is_complete(f->decode))
        return FETCH_OK;
    return FETCH_DECODE;
}

bool fetch_body_is_full(const struct fetch *f)
{
    return f->request.mode == FETCH_STREAM &&
           (has_waiting(f) || f->body.len - f->body_read >= STREAM_HIGH);
}

/* ---- the reader ---- */

static void taken(struct fetch *f, size_t len)
{
    f->body_read += len;
    if (f->body_read < f->body.len)
        return;
    sbuf_clear(&f->body);
    sbuf_clear(&f->arrivals);
    f->body_read = 0;
}

/* After the reader made room: decode what waits, else let the connection be read again. */
static void refill(struct fetch *f)
{
    if (has_waiting(f) && f->body.len == 0) {
        enum fetch_error error = decode_waiting(f);
        if (error == FETCH_OK && f->is_body_whole)
            error = fetch_body_finish(f);
        if (error != FETCH_OK) {
            fetch_failed(f, error, 0, NULL);
            fetch_end(f);
            return;
        }
    }
    if (f->conn && f->protocol && !fetch_body_is_full(f))
        f->protocol->resume(f);
}

/* Nothing lies there: -1, 0 or -2, as fetch_read says. */
static long nothing(struct fetch *f)
{
    if (f->response.error != FETCH_OK)
        return -2;
    if (f->state == FETCH_IS_OVER)
        return 0;
    f->is_reader_waiting = true;
    f->last_io_ns = clk_mono_ns();
    return -1;
}

long fetch_read(struct fetch *f, void *buffer, size_t len)
{
    HANDLE_IS(f, FETCH_TAG);
    if (f->body.len == f->body_read)
        refill(f);
    if (f->body.len == f->body_read || !len)
        return nothing(f);
    const size_t there = f->body.len - f->body_read;
    const size_t n = len < there ? len : there;
    mem_copy(buffer, f->body.data + f->body_read, n);
    taken(f, n);
    refill(f);
    return (long)n;
}

long fetch_peek(struct fetch *f, const char **bytes, uint64_t *arrived_ns)
{
    HANDLE_IS(f, FETCH_TAG);
    if (f->body.len == f->body_read)
        refill(f);
    if (f->body.len == f->body_read)
        return nothing(f);
    forget_arrivals(f, 0);
    struct arrival *list;
    const size_t n = arrivals(f, &list);
    *bytes = f->body.data + f->body_read;
    *arrived_ns = n ? list[0].ns : f->arrived_ns;
    return (long)((n ? list[0].end : f->body.len) - f->body_read);
}

void fetch_skip(struct fetch *f, size_t len)
{
    HANDLE_IS(f, FETCH_TAG);
    assert(len <= f->body.len - f->body_read);
    taken(f, len);
    refill(f);
}
