// SPDX-License-Identifier: MIT
#pragma once
/* h2: what the files of this folder share.
 *
 *   fields.c    lists of headers, both ways            stream.c   one exchange, and what ends it
 *   write.c     what nghttp2 has to say                ping.c     whether the server is still there
 *   session.c   the connection: nghttp2's calls, reading, the protocol's table
 *   memory.c    its memory
 *   acks.c      whether answers are acknowledged with the next request
 *   heads.h     heads that come again, and streams that nghttp2 need not know of (heads_*.c)
 *
 * nghttp2 must not be ended, read or written from inside its own calls. So these only note what is
 * new of an exchange (stream_note) or of its writing (stream_wrote); what follows from it is done
 * when nghttp2 has returned, where an exchange may end, its owner may start others, and the
 * connection may go.
 */
#include <nghttp2/nghttp2.h>

#include "worker/http2/heads.h"
#include "worker/net/sock.h"
#include "worker/proto/fetch_int.h"

/* Of a response, how nghttp2 gives it: header by header. All zero but for the block. */
#define FIELDS_INLINE 24
struct fields_block { /* memory of an ordinary head, and of a small body behind it */
    struct fetch_header headers[FIELDS_INLINE];
    char text[ENGINE_BLOCK_SIZE - FIELDS_INLINE * sizeof(struct fetch_header)];
};
struct fields {
    struct fields_block *block;
    struct fetch_header *headers; /* in the block, or heap when there are many */
    char *text;                   /* the same */
    uint32_t count, cap, text_len, text_cap;
    uint32_t behind; /* bytes of the text that are no header's */
};

/* Of exchanges: that have news; of which all was written, or all that may be for now. */
enum { H2_NEWS, H2_WROTE, H2_LISTS };
struct h2_list {
    struct fetch *first, *last;
};
struct h2_link {
    struct fetch *next;
    bool is_in;
};

struct h2 {                   /* of a connection */
    struct conn *conn;        /* NULL: it was closed while its event was on */
    struct h2_memory *memory; /* NULL: that of anybody */
    nghttp2_session *session;
    struct sbuf out; /* what the socket had no room for, from out_sent on */
    size_t out_sent;
    struct h2_list lists[H2_LISTS];
    struct fetch *head_of; /* whose head is being read, or was read last; NULL: nobody's */
    uint64_t written;      /* bytes, all in all */
    uint64_t now_ns;       /* of the last read */
    struct deadline quiet;
    uint64_t pinged_ns;              /* the ping whose answer is waited for; 0 = none */
    void (*read_last)(struct h2 *h); /* ping_start's */
    uint64_t resets_since_ns;
    unsigned resets; /* of ours, in that second */
    int32_t goaway_last;
    uint32_t goaway_code;
    int write_errno; /* why nothing is written any more; 0 = it is */
    bool has_goaway, is_lost, is_inside;
    bool is_told;     /* its SETTINGS have come */
    bool has_culprit; /* goaway_last is whom the server wants to be calm */
    struct {
        struct sock_segments then;
        uint32_t answers;
        uint32_t read_again; /* how often nothing was written between two reads */
        bool is_useless;
    } acks;
    struct heads heads;
    char said[200]; /* nghttp2's words on what the peer did wrong */
};

struct h2x { /* of an exchange */
    struct h2_link links[H2_LISTS];
    struct fields fields;    /* of the response */
    struct sbuf piece;       /* of a body that comes in pieces */
    size_t body_sent;        /* of the body, or of the piece */
    size_t unconsumed;       /* received, and not yet given back to the stream's window */
    uint64_t written_before; /* h2's, when it began */
    uint64_t body_bytes;     /* of DATA, as its frames announce them */
    uint32_t frame_bytes;    /* received, but for DATA's content */
    uint32_t code;           /* it was closed with */
    uint32_t head_more;      /* bytes of the request's block that nghttp2 does not know of */
    int32_t id;
    enum fetch_error fault; /* found in the answer */
    int status;             /* of the head that is being read */
    bool is_last_piece, was_given;
    bool is_untold;   /* not sent yet: the server may not take its head */
    bool is_sent;     /* its last frame was made */
    bool is_awaiting; /* ... and nothing has come; counted by the engine */
    bool is_open;     /* counted by the engine */
    bool is_whole;    /* END_STREAM has come */
    bool is_closed;   /* for nghttp2 */
    bool is_reset;    /* by the peer */
    bool is_trailer, is_interim, is_misdirected, says_continue, is_head_told;
};

static inline struct h2x *h2x_of(struct fetch *f)
{
    return fetch_state(f);
}

/* ---- fields.c ---- */

#define FIELDS_NUMBER 24
/* The request's, pseudo-headers first. Names in lower case; what HTTP/2 has no use for is left out.
 * *nv lives in the request's kept or in scratch; number is memory for a length. */
size_t fields_of_request(const struct fetch_request *r, struct sbuf *scratch,
                         char number[FIELDS_NUMBER], nghttp2_nv **nv);
size_t fields_size(const nghttp2_nv *nv, size_t count); /* bytes of names and values */

void fields_start(struct fields *s, struct fields_block *block);
void fields_fini(struct fields *s);
/* False: it is over FETCH_MAX_HEAD or FETCH_MAX_HEADERS. */
bool fields_add(struct fields *s, const void *name, size_t name_len, const void *value,
                size_t value_len);
/* All of them at once: texts of names and values lie one behind the other. */
bool fields_add_all(struct fields *s, const char *text, size_t len, const struct fields_part *parts,
                    size_t count);
/* Copies bytes behind what there is where that costs no memory; NULL: there is no room. */
const char *fields_put_behind(struct fields *s, const void *bytes, size_t len);
bool fields_length(const struct fields *s, uint64_t *length); /* content-length */
const char *fields_reason(int status);                        /* "" for one that is not known */

/* ---- stream.c ---- */

static inline bool stream_has_news(const struct h2 *h)
{
    return h->lists[H2_NEWS].first != NULL;
}
void stream_note(struct h2 *h, struct fetch *f);
void stream_wrote(struct h2 *h, struct fetch *f);
struct fetch *stream_next_wrote(struct h2 *h); /* taken off the list; NULL: no more */
/* Off both lists; tells the peer that nobody waits for more. True: there is something to write. */
bool stream_detach(struct h2 *h, struct fetch *f);
/* What nghttp2 asks and tells. */
ssize_t stream_read_body(struct h2 *h, struct fetch *f, uint8_t *to, size_t len, uint32_t *flags);
void stream_head_begins(struct fetch *f);
bool stream_header(struct fetch *f, const void *name, size_t name_len, const void *value,
                   size_t value_len);
void stream_refuse_head(struct h2 *h, struct fetch *f); /* it is larger than may be */
void stream_head_ends(struct h2 *h, struct fetch *f, bool is_end);
void stream_data(struct h2 *h, struct fetch *f, const uint8_t *bytes, size_t len);
void stream_data_ends(struct h2 *h, struct fetch *f);

void stream_set_awaiting(struct fetch *f, bool is);
void stream_set_open(struct fetch *f, bool is);
/* What was written: all of it, or all that may be for now. */
void stream_written(struct fetch *f, uint64_t now_ns);
/* Does what follows from the news of f, the first of h: which may end it, and the connection. */
void stream_settle_first(struct h2 *h);
/* The connection has ended: sends it again, or fails it. error and sys: what ended it. */
void stream_lost(struct h2 *h, struct fetch *f, enum fetch_error error, int sys);
void stream_give_up(struct fetch *f, enum fetch_error error, int sys, const char *text);

/* ---- write.c ---- */

void write_all(struct h2 *h);
void write_frames(struct h2 *h,
                  const struct sbuf *frames); /* while nothing else is to be written */
/* An end in order, which the server need not take for a failure. If there is no room for it, there
 * is none. */
void write_leave(struct h2 *h);

/* ---- ping.c ---- */

/* Its connection is there; nothing, unless its pool wants it. read_last: an answer is overdue; it
 * reads what there is, and unless that is something, ends the connection, and h. */
void ping_start(struct h2 *h, void (*read_last)(struct h2 *h));
void ping_stop(struct h2 *h);

/* ---- acks.c ---- */

void acks_read_again(struct h2 *h); /* about to read, by an event */
void acks_answered(struct h2 *h);   /* an answer is whole */

/* ---- memory.c ---- */

struct h2 *memory_new(void); /* zeroed */
/* Makes h->session; not 0: there is no memory. */
int memory_session(struct h2 *h, const nghttp2_session_callbacks *callbacks,
                   const nghttp2_option *option);
void memory_free(struct h2 *h); /* its session has ended */
