// SPDX-License-Identifier: MIT
#include "worker/websocket/reader.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"

#define EARLY 65536u /* do not believe more of an announced length at once */
#define RSV1 4u

void ws_message_free(struct ws_message *m)
{
    free(m);
}

struct ws_message *ws_message_new(uint8_t opcode, const void *bytes, size_t len)
{
    struct ws_message *m = mem_realloc(NULL, sizeof *m + len);
    *m = (struct ws_message){.opcode = opcode, .len = len};
    mem_copy(m->bytes, bytes, len);
    return m;
}

void ws_reader_fini(struct ws_reader *r)
{
    ws_message_free(r->message);
    ws_inflate_free(r->inflate);
    free(r->control);
    r->message = NULL;
    r->inflate = NULL;
    r->control = NULL;
}

static enum ws_step bad(struct ws_reader *r, unsigned code, const char *what)
{
    r->code = code;
    r->what = what;
    return WS_BAD;
}

static enum ws_step broken(struct ws_reader *r, const char *what)
{
    return bad(r, WS_CODE_PROTOCOL, what);
}

/* ---- heads ---------------------------------------------------------------------------------- */

static enum ws_step begin_control(struct ws_reader *r)
{
    const struct ws_head *f = &r->frame;
    if (f->rsv)
        return broken(r, "reserved bits in a control frame");
    if (f->opcode > WS_PONG)
        return broken(r, "a control frame of an unknown kind");
    if (!f->is_last)
        return broken(r, "a control frame in pieces");
    if (f->len > WS_CONTROL_MAX)
        return broken(r, "a control frame of more than 125 bytes");
    if (!r->control)
        r->control = mem_zalloc(WS_CONTROL_MAX);
    r->control_len = 0;
    return WS_MORE;
}

static enum ws_step begin_message(struct ws_reader *r)
{
    const struct ws_head *f = &r->frame;
    if (f->rsv & RSV1 && !r->terms.is_on)
        return broken(r, "a compressed message, which was not agreed on");
    if (f->rsv & ~RSV1)
        return broken(r, "reserved bits are set");
    r->opcode = f->opcode;
    r->is_compressed = f->rsv & RSV1;
    r->utf8 = (struct utf8_check){0};
    if (r->is_compressed && !r->inflate)
        r->inflate = ws_inflate_new(&r->terms);
    return WS_MORE;
}

static enum ws_step begin_data(struct ws_reader *r)
{
    const struct ws_head *f = &r->frame;
    if (f->opcode > WS_BINARY)
        return broken(r, "a frame of an unknown kind");
    if (f->opcode == WS_CONTINUATION && !r->opcode)
        return broken(r, "a continuation of nothing");
    if (f->opcode != WS_CONTINUATION && r->opcode)
        return broken(r, "a new message within another");
    if (f->opcode == WS_CONTINUATION && f->rsv)
        return broken(r, "reserved bits in a continuation");
    const enum ws_step step = f->opcode ? begin_message(r) : WS_MORE;
    const size_t have = r->message ? r->message->len : 0;
    if (step == WS_MORE && !r->is_compressed && f->len > r->max_message - have)
        return bad(r, WS_CODE_TOO_BIG, "a message larger than max_message_size");
    return step;
}

static enum ws_step begin_frame(struct ws_reader *r, size_t head_len)
{
    r->is_in_frame = true;
    r->left = r->frame.len;
    if (r->frame.is_masked)
        return broken(r, "a masked frame from a server");
    if (ws_is_control(r->frame.opcode))
        return begin_control(r);
    r->wire_bytes += head_len + r->frame.len;
    return begin_data(r);
}

/* Takes what belongs to the head of a frame. */
static enum ws_step feed_head(struct ws_reader *r, const char *bytes, size_t len, size_t *used)
{
    const size_t had = r->head_len;
    const size_t n = len < WS_HEAD_MAX - had ? len : WS_HEAD_MAX - had;
    memcpy(r->head + had, bytes, n);
    const int head_len = ws_head_read(r->head, had + n, &r->frame);
    if (head_len < 0)
        return broken(r, "a frame whose length is no number");
    if (head_len == 0) {
        r->head_len = (uint8_t)(had + n);
        *used += n;
        return WS_MORE;
    }
    r->head_len = 0;
    *used += (size_t)head_len - had;
    return begin_frame(r, (size_t)head_len);
}

/* ---- payload -------------------------------------------------------------------------------- */

/* Room for that many more; false: there is no memory. */
static bool reserve(struct ws_reader *r, size_t more)
{
    const size_t have = r->message ? r->message->len : 0;
    if (r->message && r->room - have >= more)
        return true;
    size_t room = have + more;
    if (have && room < have * 2)
        room = have * 2;
    if (room > r->max_message && r->max_message >= have + more)
        room = r->max_message;
    struct ws_message *m = mem_try_realloc(r->message, sizeof *m + room);
    if (!m)
        return false;
    if (!r->message)
        *m = (struct ws_message){.len = 0};
    r->message = m;
    r->room = room;
    return true;
}

static enum ws_step added(struct ws_reader *r, size_t n)
{
    struct ws_message *m = r->message;
    const char *bytes = m->bytes + m->len;
    m->len += n;
    if (r->opcode == WS_TEXT && !utf8_check_more(&r->utf8, bytes, n))
        return bad(r, WS_CODE_NOT_UTF8, "a text that is not UTF-8");
    return WS_MORE;
}

static enum ws_step add_plain(struct ws_reader *r, const char *bytes, size_t len)
{
    /* of what is announced, as much as is likely to come with the next reads */
    const uint64_t hope = r->left < EARLY ? r->left : EARLY;
    if (!reserve(r, len > hope ? len : (size_t)hope))
        return bad(r, WS_CODE_TOO_BIG, "no memory left for a message");
    memcpy(r->message->bytes + r->message->len, bytes, len);
    return added(r, len);
}

static enum ws_step add_compressed(struct ws_reader *r, const uint8_t *bytes, size_t len)
{
    enum ws_inflated rc = WS_INFLATED_FULL;
    while (rc == WS_INFLATED_FULL) {
        size_t n;
        const size_t have = r->message ? r->message->len : 0;
        /* one byte more than there may be tells that there are too many */
        const size_t most = r->max_message - have + 1;
        const size_t hope = len * 4 + 64 < EARLY ? len * 4 + 64 : EARLY;
        if (!reserve(r, hope < most ? hope : most))
            return bad(r, WS_CODE_TOO_BIG, "no memory left for a message");
        rc = ws_inflate(r->inflate, &bytes, &len, r->message->bytes + have, r->room - have, &n);
        if (rc == WS_INFLATED_BAD)
            return bad(r, WS_CODE_NOT_UTF8, "a message that cannot be decompressed");
        if (rc == WS_INFLATED_NO_MEMORY)
            return bad(r, WS_CODE_TOO_BIG, "no memory left for a message");
        const enum ws_step step = added(r, n);
        if (step != WS_MORE)
            return step;
        if (r->message->len > r->max_message)
            return bad(r, WS_CODE_TOO_BIG, "a message larger than max_message_size");
    }
    return WS_MORE;
}

static enum ws_step end_message(struct ws_reader *r)
{
    if (r->is_compressed) {
        const enum ws_step step = add_compressed(r, ws_inflate_tail, sizeof ws_inflate_tail);
        ws_inflate_end(r->inflate);
        if (step != WS_MORE)
            return step;
    }
    if (r->opcode == WS_TEXT && !utf8_check_is_whole(&r->utf8))
        return bad(r, WS_CODE_NOT_UTF8, "a text that is not UTF-8");
    if (!reserve(r, 0))
        return bad(r, WS_CODE_TOO_BIG, "no memory left for a message");
    r->message->opcode = r->opcode;
    r->message->wire_bytes = r->wire_bytes;
    r->wire_bytes = 0;
    r->opcode = 0;
    return WS_MESSAGE;
}

static enum ws_step check_close(struct ws_reader *r)
{
    const uint8_t *c = (const uint8_t *)r->control;
    struct utf8_check utf8 = {0};
    if (r->control_len == 0)
        return WS_CONTROL;
    if (r->control_len == 1)
        return broken(r, "half a code in a close frame");
    if (!ws_code_is_valid((unsigned)c[0] << 8 | c[1]))
        return broken(r, "a code in a close frame that there is none of");
    if (!utf8_check_more(&utf8, c + 2, r->control_len - 2u) || !utf8_check_is_whole(&utf8))
        return bad(r, WS_CODE_NOT_UTF8, "a reason of a close that is not UTF-8");
    return WS_CONTROL;
}

static enum ws_step end_frame(struct ws_reader *r)
{
    r->is_in_frame = false;
    if (r->frame.opcode == WS_CLOSE)
        return check_close(r);
    if (ws_is_control(r->frame.opcode))
        return WS_CONTROL;
    return r->frame.is_last ? end_message(r) : WS_MORE;
}

static enum ws_step feed_payload(struct ws_reader *r, const char *bytes, size_t len, size_t *used)
{
    const size_t n = len < r->left ? len : (size_t)r->left;
    enum ws_step step = WS_MORE;
    if (ws_is_control(r->frame.opcode)) {
        memcpy(r->control + r->control_len, bytes, n);
        r->control_len = (uint8_t)(r->control_len + n);
    } else if (n) {
        step = r->is_compressed ? add_compressed(r, (const uint8_t *)bytes, n)
                                : add_plain(r, bytes, n);
    }
    r->left -= n;
    *used += n;
    return step;
}

enum ws_step ws_reader_feed(struct ws_reader *r, const char *bytes, size_t len, size_t *used)
{
    enum ws_step step = WS_MORE;
    *used = 0;
    while (step == WS_MORE && (*used < len || (r->is_in_frame && !r->left))) {
        if (!r->is_in_frame)
            step = feed_head(r, bytes + *used, len - *used, used);
        else
            step = feed_payload(r, bytes + *used, len - *used, used);
        if (step == WS_MORE && r->is_in_frame && !r->left)
            step = end_frame(r);
    }
    return step;
}

struct ws_message *ws_reader_take(struct ws_reader *r)
{
    struct ws_message *m = r->message;
    r->message = NULL;
    r->room = 0;
    return m;
}
