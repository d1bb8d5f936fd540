// SPDX-License-Identifier: MIT
#pragma once
/* event_stream: the format of server-sent events (text/event-stream, as the HTML standard says),
 * bytes in, events out. No I/O, no clock, no Python.
 *
 * Lines end in LF, CR or CRLF, which may be split over any two pieces, as may everything else. A
 * block without data is no event. What is no UTF-8 is passed on as it is. An event, its lines
 * included, has at most `most` bytes; comments and fields that nobody knows are not kept.
 *
 * With is_lines it is no event stream but lines, of which each that is not blank is the data of an
 * event (JSON lines); these end in LF, and the last one may end with the stream.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/sbuf.h"

enum event_step {
    EVENT_MORE,     /* all bytes are taken */
    EVENT_THERE,    /* there is an event, until the next call */
    EVENT_TOO_LONG, /* for `most`: this stream is not to be read on */
};

/* Zeroed at first, but for most and is_lines; event_stream_fini frees what it holds. */
struct event_stream {
    size_t most;
    bool is_lines;
    /* Of the event that is there. type: "" where none was given; id: the last one of the stream. */
    struct sbuf data, type, id;
    uint32_t retry_ms; /* the last that was said */
    bool has_retry;    /* it was said; says_retry: since the event before */
    bool says_retry;
    struct sbuf line, next_id;
    uint8_t bom;     /* bytes of it that were seen; 4: it is too late for one */
    bool was_cr;     /* the last byte ended a line, together with a LF that follows */
    bool is_skipped; /* the line that is read is a comment */
    bool has_data, is_told;
};

void event_stream_fini(struct event_stream *s); /* usable again, as if new, of the same kind */
/* A new connection: what is incomplete is dropped; the last id stays. */
void event_stream_restart(struct event_stream *s);
/* Takes bytes up to an event's end; *used: how many. */
enum event_step event_stream_feed(struct event_stream *s, const char *bytes, size_t len,
                                  size_t *used);
/* There will be no more bytes: whether an event is there all the same, a last line without end. */
bool event_stream_end(struct event_stream *s);
