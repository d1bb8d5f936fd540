// SPDX-License-Identifier: MIT
#include "worker/proto/upgrade.h"

#include <stdlib.h>
#include <strings.h>

#include "common/base/mem.h"
#include "worker/net/tls.h"
#include "worker/proto/circle.h"

static bool asked_for_it(const struct fetch_request *r)
{
    static const char name[] = "upgrade";
    for (size_t i = 0; i < r->header_count; i++)
        if (r->headers[i].name_len == sizeof name - 1 &&
            !strncasecmp(r->headers[i].name, name, sizeof name - 1))
            return true;
    return false;
}

void fetch_hand_over(struct fetch *f, const char *rest, size_t len)
{
    if (!asked_for_it(&f->request) || f->request.mode != FETCH_COLLECT)
        return;
    assert(!f->conn->watched);
    f->upgraded = mem_zalloc(sizeof *f->upgraded);
    tls_move(f->upgraded, &f->conn->stream);
    sbuf_add(&f->body, rest, len);
}

void fetch_drop_stream(struct fetch *f)
{
    if (f->upgraded && f->upgraded->fd >= 0)
        f->upgraded->ops->close(f->upgraded);
    free(f->upgraded);
    f->upgraded = NULL;
}

bool fetch_take_stream(struct fetch *f, struct stream *s)
{
    HANDLE_IS(f, FETCH_TAG);
    if (!f->upgraded || f->upgraded->fd < 0)
        return false;
    tls_move(s, f->upgraded);
    return true;
}
