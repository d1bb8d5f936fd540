// SPDX-License-Identifier: MIT
#pragma once
/* hresp: parses one HTTP/1.x response. Bytes in, head and body spans out; no I/O, no clock.
 *
 * It reads what http.client reads: lines that end in a bare line feed, any reason, any byte in a
 * value, folded lines, a length said twice or beside chunks. A line that is no header is passed
 * over. Where another reader could find another end of the body, the answer is read and its
 * connection is not used again (hresp_keeps_alive); lengths that contradict each other are refused.
 *
 * The head is copied into a text of its own while it is parsed, so every pointer of the header
 * table stays valid after the caller's buffer is gone. What follows the head in the same piece is
 * copied along as far as there is room: a small body is then stable too (is_stable) and needs no
 * copy.
 *
 * Trailers (RFC 9112 7.1.2) are read as header lines are, and kept apart from the headers, whose
 * limits they share: nothing of the answer follows from them. They lie behind the head in the same
 * text and table, which may move for them: from in_trailers on every pointer of the results is to
 * be taken again after each feed.
 *
 * Interim responses (1xx but 101) are skipped. Head bytes are limited over all of them together,
 * and the bytes of chunk framing and trailers in proportion to the body: a server that talks
 * without end always meets a limit.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/proto/client.h"
#include "worker/http1/hchunk.h"

/* `what` of an answer with several lengths. */
#define HRESP_CONTRADICTION "several Content-Length headers that contradict each other"

#define HRESP_INLINE_HEADERS 24
#define HRESP_BLOCK_SIZE 2048

/* Memory of an ordinary head. Reusable as it is; never holds anything the parser must free. */
struct hresp_block {
    struct fetch_header headers[HRESP_INLINE_HEADERS];
    char text[HRESP_BLOCK_SIZE - HRESP_INLINE_HEADERS * sizeof(struct fetch_header)];
};

struct hresp_known; /* hresp_known.h */

enum hresp_framing { HRESP_UNTIL_CLOSE, HRESP_NO_BODY, HRESP_BY_LENGTH, HRESP_CHUNKED };

enum hresp_step {
    HRESP_MORE, /* all bytes used; feed the next ones */
    HRESP_HEAD, /* the final head is there: set the body up, then feed the rest, even if empty */
    HRESP_END,  /* the response is complete */
    HRESP_BAD,  /* error and what say why */
};

/* Takes a span of body bytes (framing removed). Returning false ends the parse: HRESP_BAD with
 * error and what as the callback left them. */
typedef bool hresp_body_cb(void *arg, const char *bytes, size_t len);

struct hresp {
    /* Results, valid from HRESP_HEAD on. */
    struct fetch_header *headers; /* into the block, or heap when there are many */
    uint32_t header_count;
    uint32_t trailer_count; /* they follow the headers; all are there at HRESP_END */
    bool in_trailers;       /* the last chunk is over: there may be some */
    const char *head;       /* raw head, status line and blank line included */
    uint32_t head_len;
    const char *reason;
    uint32_t reason_len;
    bool is_stable;     /* during on_body: the span lives as long as the head */
    bool says_continue; /* there was a 100, which may come before the final head */
    enum fetch_error error;
    const char *what;
    hresp_body_cb *on_body;
    void *arg;
    struct hresp_known *known; /* NULL, or a head that may come again; outlives this */
    /* Private. */
    struct hresp_block *block;
    char *text; /* what was fed until the head ended; in the block, or heap when that is long */
    uint32_t text_len, text_cap, header_cap;
    uint32_t head_start;  /* interim responses lie before it */
    uint32_t line_start;  /* of the line that has not ended yet */
    uint32_t stable_left; /* bytes at the end of text that were not parsed yet */
    uint64_t wire, payload;
    uint64_t length, left; /* announced, and still to come */
    struct hchunk chunk;
    int status;
    uint8_t minor, framing;
    bool is_head_only, in_body, has_status, has_length, can_fold, has_folds;
    bool says_close, says_keep, is_odd;
};

enum hresp_kind {
    HRESP_NORMAL,
    HRESP_HEAD_ONLY, /* answer to HEAD, or to CONNECT when it succeeds */
};

/* The block is borrowed until hresp_fini. on_body and arg are set by the caller before bodies come,
 * known before anything. */
void hresp_init(struct hresp *r, struct hresp_block *block, enum hresp_kind kind);
void hresp_fini(struct hresp *r);

enum hresp_step hresp_feed(struct hresp *r, const char *bytes, size_t len, size_t *used);
/* The peer has closed: FETCH_OK when that is how this body ends, else the fitting error. */
enum fetch_error hresp_eof(struct hresp *r);

int hresp_status(const struct hresp *r);
unsigned hresp_minor(const struct hresp *r);
/* Announced body length; false when there is none (chunked, until close, no body). */
bool hresp_length(const struct hresp *r, uint64_t *len);
/* Bytes of a body whose length was given that are still to be fed, nothing before them; else 0. */
uint64_t hresp_left(const struct hresp *r);
/* May another request follow on this connection? Known at HRESP_HEAD; chunks of odd framing may
 * change it, so ask again at the end. */
bool hresp_keeps_alive(const struct hresp *r);
/* The next header of that name (lower case) from index *at on, *at moved behind it; NULL if none.
 */
const struct fetch_header *hresp_find(const struct hresp *r, const char *name, uint32_t *at);
