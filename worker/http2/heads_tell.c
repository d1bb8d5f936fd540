// SPDX-License-Identifier: MIT
/* Telling nghttp2 of streams that it does not know of (heads_short.c).
 *
 * Anything else that the server says than the answer that is known, whole in one read, or a PING,
 * has nghttp2 told before it reads on: it is made to begin the newest of these streams, with all
 * bytes of bodies that it does not know of for its body, and what it has to say of it, which was
 * said, is left out. Streams with smaller numbers are closed for it by that. From then on the
 * exchange is one as any other. */
#include <string.h>

#include "worker/http2/h2.h"

#define FRAME_HEAD 9u

static ssize_t read_spent(nghttp2_session *session, int32_t id, uint8_t *to, size_t len,
                          uint32_t *flags, nghttp2_data_source *source, void *arg)
{
    uint32_t *spent = source->ptr;
    const size_t n = *spent < len ? *spent : len;
    (void)session, (void)id, (void)arg;
    memset(to, 0, n);
    *spent -= (uint32_t)n;
    if (!*spent)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

/* What it has to say of that stream was said; the rest waits for the next write. */
static void drop_frames(struct h2 *h, int32_t id)
{
    const uint8_t *bytes;
    for (ssize_t n; (n = nghttp2_session_mem_send(h->session, &bytes)) > 0;)
        if (n < (ssize_t)FRAME_HEAD || heads_stream(bytes) != id)
            sbuf_add(&h->out, bytes, (size_t)n);
}

void heads_tell(struct h2 *h)
{
    static const nghttp2_nv method = {(uint8_t *)(uintptr_t) ":method",
                                      (uint8_t *)(uintptr_t) "GET", 7, 3,
                                      NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
    struct heads *k = &h->heads;
    const nghttp2_data_provider spent = {.source.ptr = &k->short_spent,
                                         .read_callback = read_spent};
    struct fetch *f = k->short_of;
    const int32_t id = k->short_id;
    if (!id || h->is_lost)
        return;
    k->short_of = NULL;
    k->short_id = 0;
    k->telling = id;
    nghttp2_session_set_next_stream_id(h->session, id);
    nghttp2_submit_request(h->session, NULL, &method, 1, k->short_spent ? &spent : NULL, f);
    drop_frames(h, id);
    if (!f) { /* it is over */
        nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
        drop_frames(h, id);
    }
    k->telling = 0;
}

void heads_forget_short(struct h2 *h, const struct fetch *f)
{
    if (h->heads.short_of != f)
        return;
    heads_tell(h);
    h->heads.short_of = NULL;
}
