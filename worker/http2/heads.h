// SPDX-License-Identifier: MIT
#pragma once
/* heads: those that come again on a connection, byte by byte.
 *
 * The requests of a user have one head, their answers have another: once the tables of HPACK know
 * them, it is the same short block each time. As long as nothing changes a table such a block means
 * what it meant before. So it is remembered with its meaning, and nghttp2 has no more of it than it
 * goes by: of an answer the fields for its status and its length, of a request that for its method.
 * Whatever is not the same, plain and whole goes the ordinary way, and forgets what is remembered
 * if it changes a table.
 *
 * Servers as nginx put all of each answer into the table, where they never look for it. A table
 * that was filled by one block alone, again and again, is the same before and after it: then this
 * changes nothing either.
 *
 * Where both are remembered, nghttp2 is not asked at all (heads_short.c), and told if it must be
 * (heads_tell.c).
 *
 * Only what comes twice is remembered: who asks once a minute keeps no memory for it.
 */
#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fetch;
struct h2;
struct head_list;
struct sbuf;

struct fields_part { /* of a header */
    uint16_t name_len, value_len;
};

enum { HEADS_FIRST, HEADS_TRAILER, HEADS_KINDS }; /* of an answer */

struct head_read {
    uint32_t block_len, text_len, count;
    uint32_t stub_len, status_len; /* the stub is that of the status first */
    uint32_t table_bytes;          /* that it puts into the table; 0: it changes nothing */
    uint32_t filled; /* of the table, by it alone; only counted as long as it is not known */
    bool is_known;   /* its meaning; else what it is for while the table changes */
    bool has_length;
    int status;
    uint64_t length; /* of the body, if it says so */
    struct fields_part *parts;
    char *text; /* names and values */
    uint8_t *block, *stub;
};

struct heads_whole {     /* what nghttp2 is not told of an answer that is here from begin to end */
    const uint8_t *body; /* NULL: there is none such */
    size_t body_len;
    const struct head_read *trailer; /* or NULL */
};

struct heads { /* of a connection */
    struct head_read *read[HEADS_KINDS];
    uint64_t read_hash[HEADS_KINDS]; /* of the last one that is not remembered */
    struct head_read *recalled;      /* that of the frame that nghttp2 reads; or NULL */
    struct heads_whole whole;
    uint32_t owed;           /* bytes of such, of the connection's window */
    const uint8_t *learning; /* the block of that frame, if it came before; or NULL */
    uint32_t learning_len;
    uint8_t learning_kind;
    bool is_learning_last;         /* the table is full of that block */
    uint8_t frame_begun, frame[9]; /* the beginning of a frame, which was cut off in it */
    uint32_t frame_left;           /* of the frame that is being read */

    struct head_written *written;
    struct head_written *writing; /* may be it, when its block is known */
    uint64_t written_like;        /* of the last list, what is likely to be another's */
    int32_t stub_id; /* the stream that nghttp2 has yet to begin, with what it knows of its head */
    const struct head_list *stub_of;

    struct fetch *short_of; /* its stream is open, and nghttp2 does not know of it; or NULL */
    int32_t short_id;       /* the newest stream that nghttp2 does not know of; 0: there is none */
    int32_t telling;        /* it is being told of that one */
    uint32_t short_spent;   /* bytes of bodies that it does not know of */
};

/* ---- heads_block.c ---- */

#define HEADS_BLOCK_MOST 1024u /* bytes */
#define HEADS_FIELDS_MOST 64u
/* Whether a field that begins so goes into the table. */
static inline bool heads_is_inserted(uint8_t first)
{
    return (first & 0xc0) == 0x40;
}
/* Where each field of a block ends. inserts: some go into the table. 0: it changes the size of
 * that, or is none that is remembered. */
unsigned heads_fields(const uint8_t *block, size_t len, uint16_t ends[HEADS_FIELDS_MOST],
                      bool *inserts);
uint32_t heads_u24(const uint8_t *bytes);
void heads_frame(uint8_t to[9], size_t len, uint8_t type, uint8_t flags, int32_t id);
int32_t heads_stream(const uint8_t *frame);

/* ---- heads_known.c ---- */

/* Its head, or trailers, begin, and are these. False: there is no room for them. */
bool heads_recall(struct h2 *h, struct fetch *f, const struct head_read *r);
void heads_learn(struct h2 *h, struct fetch *f); /* the head that nghttp2 reads is whole */
void heads_forget_kind(struct heads *k, int kind);
void heads_forget_read(struct heads *k);

/* ---- heads_read.c ---- */

/* Gives nghttp2 what was read, which is changed. Less than 0: its error. */
int heads_read(struct h2 *h, uint8_t *bytes, size_t len);
void heads_take_whole(struct h2 *h, struct fetch *f); /* h->heads.whole, at the end of its head */

/* ---- heads_written.c ---- */

struct head_list {
    nghttp2_nv *nv;
    size_t count, plain; /* plain: bytes of names and values */
    uint64_t kept;       /* the number of one that is kept; or 0 */
    const nghttp2_data_provider *body;
    nghttp2_nv path, length; /* heads_submit's */
    char number[24];
};
/* As nghttp2_submit_request; write_all must follow before anything else. */
int32_t heads_submit(struct h2 *h, struct fetch *f, struct head_list *l);
bool heads_is_held(const struct h2 *h); /* nghttp2 has not begun it: it waits for others to end */
int32_t heads_submit_whole(struct h2 *h, struct fetch *f, const struct head_list *l); /* instead */
/* The frame of that list, whose block is known, alone into out, where the list may lie. False: it
 * is not known, or not the next to be written. */
bool heads_put_known(struct h2 *h, struct head_list *l, int32_t id, uint8_t flags,
                     struct sbuf *out);
/* What nghttp2 has to say, a frame or less. */
void heads_write(struct h2 *h, struct sbuf *out, const uint8_t *bytes, size_t len);
void heads_forget_written(struct heads *k);

/* ---- heads_short.c ---- */

/* Writes the request, without nghttp2. False: it is for heads_submit. */
bool heads_send_short(struct h2 *h, struct fetch *f, struct head_list *l);

/* ---- heads_tell.c ---- */

/* From now on nghttp2 knows of every stream. write_all must follow. */
void heads_tell(struct h2 *h);
void heads_forget_short(struct h2 *h, const struct fetch *f); /* f ends; likewise */
