// SPDX-License-Identifier: MIT
#pragma once
/* What the fuzzer of HTTP/2 does with an input, and a unit test with its own: it is what a server
 * says on a connection with a few exchanges, read in pieces, and then the server closes. All of it
 * is in memory.
 *
 * Whatever comes, each exchange ends once, has its limits, and nothing of the connection is left.
 */
#include "tests/fuzz/http2_rig.h"

struct driven {
    enum fetch_error error[DRIVER_STREAMS];
    int status[DRIVER_STREAMS];
    size_t body_len[DRIVER_STREAMS], trailers[DRIVER_STREAMS];
    char body[DRIVER_STREAMS][16];    /* what of it was collected; its beginning */
    char trailer[DRIVER_STREAMS][16]; /* the value of the last one */
    unsigned told[DRIVER_STREAMS];    /* ends */
};

static inline void driver_check(const struct fetch_header *list, size_t count)
{
    for (size_t h = 0; h < count; h++)
        assert(list[h].name_len + list[h].value_len <= FETCH_MAX_HEAD);
}

static inline void http2_drive(const uint8_t *bytes, size_t len, size_t piece, struct driven *d)
{
    struct driver_rig rig;
    struct fetch *f[DRIVER_STREAMS];
    *d = (struct driven){0};
    driver_open(&rig, piece);
    for (int i = 0; i < DRIVER_STREAMS; i++)
        f[i] = driver_start(rig.engine, rig.conn, i, &d->told[i]);
    driver_peer.bytes = bytes;
    driver_peer.len = len;
    while (!driver_peer.is_closed && driver_peer.len) {
        const size_t before = driver_peer.len;
        http2.event(rig.conn, EV_READ);
        d->body_len[1] += driver_read_stream(f[1]);
        assert(driver_peer.is_closed || driver_peer.len < before);
    }
    driver_end(&rig);
    for (int i = 0; i < DRIVER_STREAMS; i++) {
        const struct fetch_response *r = fetch_response(f[i]);
        assert(f[i]->state == FETCH_IS_OVER && d->told[i] <= 1 && (d->told[i] || i == 1));
        assert(r->header_count <= FETCH_MAX_HEADERS && r->body_len <= DRIVER_BODY_MAX);
        driver_check(r->headers, r->header_count);
        driver_check(r->trailers, r->trailer_count);
        d->trailers[i] = r->trailer_count;
        if (r->trailer_count)
            snprintf(d->trailer[i], sizeof d->trailer[i], "%.*s",
                     (int)r->trailers[r->trailer_count - 1].value_len,
                     r->trailers[r->trailer_count - 1].value);
        snprintf(d->body[i], sizeof d->body[i], "%.*s", (int)r->body_len, r->body ? r->body : "");
        d->error[i] = r->error;
        d->status[i] = r->status;
        d->body_len[i] += i == 1 ? driver_read_stream(f[i]) : r->body_len;
        fetch_free(f[i]);
    }
    driver_fini(&rig);
}
