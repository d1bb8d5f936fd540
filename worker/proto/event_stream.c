// SPDX-License-Identifier: MIT
/* A line that lies whole in one piece is looked at where it is; only what is split is put together
 * in a buffer first. */
#include "worker/proto/event_stream.h"

#include <string.h>

static const unsigned char bom[3] = {0xEF, 0xBB, 0xBF};
enum { BOM_OVER = 4, STEP = 128 };

void event_stream_fini(struct event_stream *s)
{
    sbuf_fini(&s->data);
    sbuf_fini(&s->type);
    sbuf_fini(&s->id);
    sbuf_fini(&s->line);
    sbuf_fini(&s->next_id);
    *s = (struct event_stream){.most = s->most, .is_lines = s->is_lines};
}

void event_stream_restart(struct event_stream *s)
{
    sbuf_clear(&s->data);
    sbuf_clear(&s->type);
    sbuf_clear(&s->line);
    sbuf_clear(&s->next_id);
    sbuf_add(&s->next_id, s->id.data, s->id.len);
    s->bom = 0;
    s->was_cr = s->is_skipped = s->has_data = s->is_told = s->says_retry = false;
}

/* ---- fields ---- */

struct field {
    const char *name, *value;
    size_t name_len, value_len;
};

static struct field split(const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    if (!colon)
        return (struct field){line, line + len, len, 0};
    const char *value = colon + 1;
    if (value < line + len && *value == ' ')
        value++;
    return (struct field){line, value, (size_t)(colon - line), (size_t)(line + len - value)};
}

static bool is_called(const struct field *f, const char *name)
{
    return f->name_len == strlen(name) && memcmp(f->name, name, f->name_len) == 0;
}

static void set(struct sbuf *to, const struct field *f)
{
    sbuf_clear(to);
    sbuf_add(to, f->value, f->value_len);
}

/* Digits only; one that no wait is as long as is the longest there is. */
static void take_retry(struct event_stream *s, const struct field *f)
{
    uint64_t ms = 0;
    for (size_t i = 0; i < f->value_len; i++) {
        if (f->value[i] < '0' || f->value[i] > '9')
            return;
        ms = ms * 10 + (uint64_t)(f->value[i] - '0');
        ms = ms < UINT32_MAX ? ms : UINT32_MAX;
    }
    if (!f->value_len)
        return;
    s->retry_ms = (uint32_t)ms;
    s->has_retry = s->says_retry = true;
}

static void take_field(struct event_stream *s, const struct field *f)
{
    if (is_called(f, "data")) {
        if (s->has_data)
            sbuf_addc(&s->data, '\n');
        sbuf_add(&s->data, f->value, f->value_len);
        s->has_data = true;
    } else if (is_called(f, "event")) {
        set(&s->type, f);
    } else if (is_called(f, "id")) {
        if (!memchr(f->value, 0, f->value_len))
            set(&s->next_id, f);
    } else if (is_called(f, "retry")) {
        take_retry(s, f);
    }
}

/* ---- lines ---- */

/* An empty line: whether that makes an event. */
static bool end_block(struct event_stream *s)
{
    if (s->id.len != s->next_id.len ||
        (s->id.len && memcmp(s->id.data, s->next_id.data, s->id.len) != 0)) {
        sbuf_clear(&s->id);
        sbuf_add(&s->id, s->next_id.data, s->next_id.len);
    }
    s->is_told = s->has_data;
    if (!s->has_data)
        sbuf_clear(&s->type);
    return s->has_data;
}

static void forget_told(struct event_stream *s)
{
    sbuf_clear(&s->data);
    sbuf_clear(&s->type);
    s->has_data = s->is_told = s->says_retry = false;
}

static bool is_too_long(const struct event_stream *s, size_t more)
{
    const size_t kept = s->data.len + s->type.len + s->next_id.len + s->line.len;
    return more > s->most || kept > s->most - more;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* A line that is an event by itself, unless it is blank. */
static bool take_whole(struct event_stream *s, const char *line, size_t len)
{
    while (len && is_blank(line[len - 1]))
        len--;
    sbuf_add(&s->data, line, len);
    s->has_data = s->is_told = len > 0;
    return s->is_told;
}

static bool end_line(struct event_stream *s, const char *line, size_t len)
{
    if (s->is_lines)
        return take_whole(s, line, len);
    if (!len)
        return end_block(s);
    const struct field f = split(line, len);
    take_field(s, &f);
    return false;
}

/* The bytes of a line, up to its end (len) or that of the piece. */
static enum event_step take_line(struct event_stream *s, const char *bytes, size_t len, bool is_end)
{
    if (!s->is_lines && s->line.len == 0 && len && *bytes == ':')
        s->is_skipped = true;
    if (s->is_skipped) {
        s->is_skipped = !is_end;
        return EVENT_MORE;
    }
    if (is_too_long(s, len))
        return EVENT_TOO_LONG;
    const bool is_split = s->line.len || !is_end;
    if (is_split)
        sbuf_add(&s->line, bytes, len);
    if (!is_end)
        return EVENT_MORE;
    const bool is_event =
        end_line(s, is_split ? s->line.data : bytes, is_split ? s->line.len : len);
    sbuf_clear(&s->line);
    return is_event ? EVENT_THERE : EVENT_MORE;
}

/* In steps: a stream may end its lines by CR alone, and have no other for long. */
static size_t end_of_line(const struct event_stream *s, const char *bytes, size_t len)
{
    for (size_t at = 0; at < len; at += STEP) {
        const size_t n = len - at < STEP ? len - at : STEP;
        const char *lf = memchr(bytes + at, '\n', n);
        const size_t before = lf ? (size_t)(lf - bytes) - at : n;
        const char *cr = s->is_lines ? NULL : memchr(bytes + at, '\r', before);
        if (cr || lf)
            return (size_t)((cr ? cr : lf) - bytes);
    }
    return len;
}

/* One byte order mark may stand first: how many of these bytes belong to it. What only began like
 * one is the beginning of a line. */
static size_t take_bom(struct event_stream *s, const char *bytes, size_t len)
{
    size_t at = 0;
    while (s->bom < sizeof bom && at < len && (unsigned char)bytes[at] == bom[s->bom]) {
        s->bom++;
        at++;
    }
    if (at == len && s->bom < sizeof bom)
        return at;
    if (s->bom < sizeof bom)
        sbuf_add(&s->line, bom, s->bom);
    s->bom = BOM_OVER;
    return at;
}

enum event_step event_stream_feed(struct event_stream *s, const char *bytes, size_t len,
                                  size_t *used)
{
    size_t at = 0;
    enum event_step step = EVENT_MORE;
    if (s->is_told)
        forget_told(s);
    if (s->bom < BOM_OVER)
        at = take_bom(s, bytes, len);
    while (at < len && step == EVENT_MORE) {
        if (s->was_cr && bytes[at] == '\n')
            at++;
        s->was_cr = false;
        const size_t n = end_of_line(s, bytes + at, len - at);
        const bool is_end = at + n < len;
        step = n || is_end ? take_line(s, bytes + at, n, is_end) : EVENT_MORE;
        s->was_cr = is_end && bytes[at + n] == '\r';
        at += n + is_end;
    }
    *used = at;
    return step;
}

bool event_stream_end(struct event_stream *s)
{
    if (s->is_told)
        forget_told(s);
    const bool is_there = s->is_lines && s->line.len && take_whole(s, s->line.data, s->line.len);
    sbuf_clear(&s->line);
    return is_there;
}
