// SPDX-License-Identifier: MIT
/* Any bytes as a stream of events, and as one of lines: cut into pieces they say the same as in
 * one, and nothing that is kept is longer than the limit. The first byte is the length of pieces,
 * the second the limit. */
#include "worker/proto/event_stream.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void tell(struct sbuf *heard, const struct event_stream *s)
{
    const struct sbuf *const parts[] = {&s->type, &s->data, &s->id};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        sbuf_addf(heard, "%zu ", parts[i]->len);
        sbuf_add(heard, parts[i]->data, parts[i]->len);
    }
    sbuf_addf(heard, "%u %u;", s->says_retry, (unsigned)s->retry_ms);
    must(s->data.len <= s->most && s->type.len <= s->most && s->id.len <= s->most);
}

/* Each piece has memory of its own, so that the sanitizer sees what is read beyond it. */
static enum event_step hear_piece(struct event_stream *s, struct sbuf *heard, const char *bytes,
                                  size_t len)
{
    char *copy = malloc(len ? len : 1);
    memcpy(copy, bytes, len);
    enum event_step step = EVENT_MORE;
    size_t at = 0;
    while (at < len && step != EVENT_TOO_LONG) {
        size_t used = 0;
        step = event_stream_feed(s, copy + at, len - at, &used);
        must(used <= len - at && (step != EVENT_MORE || used == len - at));
        if (step == EVENT_THERE)
            tell(heard, s);
        must(s->line.len <= s->most + 2); /* what began like a byte order mark */
        at += used;
    }
    free(copy);
    return step;
}

static enum event_step hear(struct sbuf *heard, struct event_stream s, const char *bytes,
                            size_t len, size_t piece)
{
    enum event_step step = EVENT_MORE;
    sbuf_adds(heard, "");
    for (size_t n; len && step != EVENT_TOO_LONG; bytes += n, len -= n) {
        n = len < piece ? len : piece;
        step = hear_piece(&s, heard, bytes, n);
    }
    if (step != EVENT_TOO_LONG && event_stream_end(&s))
        tell(heard, &s);
    event_stream_fini(&s);
    return step;
}

static void compare(struct event_stream s, const char *bytes, size_t len, size_t piece)
{
    struct sbuf whole = {0}, split = {0};
    const enum event_step a = hear(&whole, s, bytes, len, SIZE_MAX);
    const enum event_step b = hear(&split, s, bytes, len, piece);
    must((a == EVENT_TOO_LONG) == (b == EVENT_TOO_LONG));
    must(whole.len == split.len && memcmp(whole.data, split.data, whole.len) == 0);
    sbuf_fini(&whole);
    sbuf_fini(&split);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const char *bytes = (const char *)data + 2;
    const size_t most = data[1] < 128 ? data[1] : SIZE_MAX / 2;
    for (int is_lines = 0; is_lines < 2; is_lines++)
        compare((struct event_stream){.most = most, .is_lines = is_lines}, bytes, size - 2,
                1u + data[0]);
    return 0;
}
