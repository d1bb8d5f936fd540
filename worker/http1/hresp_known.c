// SPDX-License-Identifier: MIT
#include "worker/http1/hresp_known.h"

#include <string.h>

enum { LEARNT_EVERY = 8 }; /* of heads that do not come again */

static void move(struct fetch_header *to, const struct fetch_header *from, uint32_t count,
                 char *text, const char *old)
{
    for (uint32_t i = 0; i < count; i++)
        to[i] = (struct fetch_header){.name = text + (from[i].name - old),
                                      .value = text + (from[i].value - old),
                                      .name_len = from[i].name_len,
                                      .value_len = from[i].value_len};
}

bool hresp_recall(struct hresp *r, const char *bytes, size_t len, size_t *used)
{
    struct hresp_known *k = r->known;
    if (!k->len || len < k->len || k->said.is_head_only != r->is_head_only ||
        memcmp(bytes, k->text, k->len) != 0)
        return false;
    struct hresp_block *block = r->block;
    hresp_body_cb *on_body = r->on_body;
    void *arg = r->arg;
    *r = k->said;
    r->known = k;
    r->block = block;
    r->on_body = on_body;
    r->arg = arg;
    r->headers = block->headers;
    r->text = block->text;
    r->head = r->text;
    r->reason = r->text + (k->said.reason - k->text);
    move(r->headers, k->headers, r->header_count, r->text, k->text);
    const size_t most = r->framing == HRESP_CHUNKED ? k->len : r->text_cap;
    r->text_len = (uint32_t)(len < most ? len : most);
    r->stable_left = r->text_len - k->len;
    memcpy(r->text, bytes, r->text_len);
    k->missed = 0;
    *used = k->len;
    return true;
}

/* As it came, and in a piece of memory of ordinary size. */
static bool is_ordinary(const struct hresp *r)
{
    return r->headers == r->block->headers && r->text == r->block->text && !r->has_folds &&
           !r->head_start && r->head_len <= HRESP_KNOWN_MOST;
}

void hresp_learn(struct hresp *r)
{
    struct hresp_known *k = r->known;
    if (k->missed++ % LEARNT_EVERY || !is_ordinary(r))
        return;
    k->len = r->head_len;
    k->said = *r;
    memcpy(k->text, r->text, k->len);
    k->said.reason = k->text + (r->reason - r->text);
    move(k->headers, r->headers, r->header_count, k->text, r->text);
}
