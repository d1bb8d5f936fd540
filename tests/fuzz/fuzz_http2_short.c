// SPDX-License-Identifier: MIT
/* Anything that a server might say on a connection whose exchanges come again and again, so that
 * nghttp2 hears of them only if it must (worker/http2/heads_short.c). One exchange at a time; what
 * the server says begins behind some that went well.
 *
 * The first byte: by GET or POST, and which exchanges are given up; the second: the length of
 * pieces. Each exchange ends once, and nothing is left of the connection. */
#include "tests/fuzz/http2_rig.h"

enum { GET = 0, POST = 2, WARM = 4, EXCHANGES_MOST = 32 };

/* SETTINGS, then answers of one head: what comes before the first, and before each other. */
static size_t answer(uint8_t *to, int n)
{
    static const uint8_t settings[] = {0, 0, 0, 4, 0, 0, 0, 0, 0};
    const uint8_t id = (uint8_t)(2 * n + 1);
    const uint8_t whole[] = {0,   0, 5, 1, 4, 0, 0, 0, id, 0x88, 0x0f, 0x0d, 1,
                             '2', 0, 0, 2, 0, 1, 0, 0, 0,  id,   'o',  'k'};
    size_t len = 0;
    if (!n) {
        memcpy(to, settings, sizeof settings);
        len = sizeof settings;
    }
    memcpy(to + len, whole, sizeof whole);
    return len + sizeof whole;
}

static void say(struct driver_rig *rig, const uint8_t *bytes, size_t len)
{
    driver_peer.bytes = bytes;
    driver_peer.len = len;
    while (!driver_peer.is_closed && driver_peer.len)
        http2.event(rig->conn, EV_READ);
}

static void warm(struct driver_rig *rig, int kind)
{
    uint8_t bytes[64];
    for (int n = 0; n < WARM; n++) {
        unsigned told = 0;
        struct fetch *f = driver_start(rig->engine, rig->conn, kind, &told);
        say(rig, bytes, answer(bytes, n));
        assert(told == 1 && fetch_response(f)->error == FETCH_OK);
        fetch_free(f);
    }
}

static void finish(struct fetch *f, const unsigned *told)
{
    assert(f->state == FETCH_IS_OVER && *told == 1);
    fetch_free(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct driver_rig rig;
    struct fetch *f = NULL;
    unsigned told = 0;
    if (len < 2)
        return 0;
    driver_open(&rig, SIZE_MAX);
    warm(&rig, bytes[0] & 1 ? POST : GET);
    driver_peer.piece = bytes[1] ? bytes[1] : SIZE_MAX;
    driver_peer.bytes = bytes + 2;
    driver_peer.len = len - 2;
    for (int n = 0; !driver_peer.is_closed && driver_peer.len;) {
        if (!f && n < EXCHANGES_MOST) {
            told = 0;
            f = driver_start(rig.engine, rig.conn, bytes[0] & 1 ? POST : GET, &told);
            n++;
        }
        http2.event(rig.conn, EV_READ);
        if (f && f->state == FETCH_IS_OVER) {
            finish(f, &told);
            f = NULL;
        } else if (f && bytes[0] >> (1 + n % 7) & 1) {
            fetch_free(f);
            f = NULL;
        }
    }
    driver_end(&rig);
    if (f)
        finish(f, &told);
    driver_fini(&rig);
    return 0;
}
