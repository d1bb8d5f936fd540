// SPDX-License-Identifier: MIT
#pragma once
/* fetch_int: what the files behind fetch.h share. Not for anyone else.
 *
 *   engine.c   memory and counters         pool.c   idle connections, queues
 *   origin.c   interned targets            conn.c   one connection and its event
 *   dial.c     resolve, connect, tunnel, TLS handshake
 *   fetch.c    the exchange: start, end, deadlines, the public calls
 *   fetch_io.c request out, response in    fetch_body.c  body bytes to the caller
 *
 * Ownership: the engine owns free memory, and origins while somebody refers to them: callers and
 * lanes. A pool owns its lanes, those used last; a lane its connections; the
 * caller its fetches. A connection that is being set up or busy has exactly one fetch and the other
 * way round; ending one detaches both. Whatever ends an exchange goes through fetch_end.
 */
#include <event2/event.h>
#include <event2/event_struct.h>

#include "common/base/map.h"
#include "common/base/sbuf.h"
#include "worker/http1/fetch.h"
#include "worker/http1/hresp.h"
#include "worker/net/deadline.h"
#include "worker/net/dns.h"
#include "worker/net/stream.h"

#define ENGINE_IN_SIZE (64u * 1024)
#define STREAM_HIGH                                                                                \
    (64u * 1024) /* decoded bytes of a streamed body that may wait for the reader                  \
                  */

struct conn;
struct dial;
struct decode;
struct tls;
struct tls_origin;

/* Memory of one kind that is used again. */
struct spare {
    struct spare *next;
};
struct spares {
    struct spare *first;
    unsigned count;
};

struct fetch_engine {
    struct event_base *base;
    struct dns *dns;
    struct tls *tls;
    struct deadlines *deadlines;
    struct map origins, lanes; /* lanes by pool and origin */
    struct fetch_limits limits;
    struct fetch_counters counters;
    struct event *kick; /* runs the lanes below in the next turn of the loop */
    struct lane *kicked;
    struct spares conns, fetches, blocks;
    struct sbuf head;        /* of the request that is being written */
    char in[ENGINE_IN_SIZE]; /* every read goes here first */
};

struct fetch_origin {
    struct fetch_origin *self; /* callers hold it const; tls_state is ours to change */
    struct fetch_engine *engine;
    uint64_t hash;
    unsigned refs;
    char *host, *proxy_host, *proxy_auth;
    uint16_t port, proxy_port;
    bool is_tls;
    struct fetch_tls profile;     /* own copies of the strings */
    struct tls_origin *tls_state; /* made on first use, with sessions; NULL until then */
};

struct fetch_pool {
    struct fetch_engine *engine;
    struct fetch_pool_config config;
    struct lane *lanes, *last_lane; /* used last first */
    unsigned lane_count;
};

/* A pool's share of one origin. */
struct lane {
    struct lane *next, *prev;
    struct fetch_pool *pool;
    const struct fetch_origin *origin;
    struct conn *idle; /* most recently used first */
    struct conn *oldest;
    unsigned idle_count, open_count;
    struct fetch *queue, *queue_tail;
    struct lane *next_kicked;
    bool is_kicked;
};

enum conn_phase { CONN_DIALING, CONN_BUSY, CONN_IDLE };

struct conn {
    struct event event; /* persistent; for reading, and for writing while something is pending */
    struct stream stream;
    struct lane *lane;
    struct fetch *fetch;      /* NULL when idle */
    struct dial *dial;        /* while dialing */
    struct conn *next, *prev; /* idle list */
    uint64_t idle_since_ns;
    short watched; /* EV_ flags the event is added with; 0 = not added */
    uint8_t phase;
    bool was_reused;
    bool is_unusable; /* not for another exchange */
};

enum fetch_state { FETCH_IS_QUEUED, FETCH_IS_DIALING, FETCH_IS_RUNNING, FETCH_IS_OVER };

struct fetch {
    struct fetch_response response;
    struct fetch_engine *engine;
    struct conn *conn;         /* NULL when queued or over */
    struct lane *lane;         /* while queued */
    struct fetch *next, *prev; /* queue */
    struct fetch_request request;
    const char *head; /* its head as text, until it is sent: the engine's, or own_head */
    char *own_head;   /* NULL: it went out at once */
    size_t head_len, head_sent, body_sent;
    fetch_done_cb *done;
    void *arg;
    struct hresp_block *block;
    struct hresp parser;
    struct decode *decode;           /* NULL = identity */
    bool is_undecodable;             /* one of its codings is not known */
    struct sbuf body;                /* decoded */
    size_t body_read;                /* streaming: how much of body the caller has taken */
    struct sbuf undecoded;           /* streaming: what waits for room in body */
    char *own_text;                  /* behind response.text when that was made for this fetch */
    uint64_t last_io_ns, arrived_ns; /* of the last bytes read: when the kernel had them */
    struct deadline phase_deadline, total_deadline;
    uint8_t state;
    bool is_starting;     /* within fetch_start: no callback */
    int write_errno;      /* why writing was given up; 0 = it was not */
    bool is_writing_over; /* everything written, or given up after a failed write */
    bool is_body_held;    /* until the server says that it wants it */
    bool has_head, is_body_whole;
    bool is_reader_waiting; /* streaming: the owner waits for done */
    bool has_more_decoded;  /* streaming: the decoder can go on without input */
};

/* engine.c */
struct fetch *engine_fetch_get(struct fetch_engine *e); /* zeroed */
void engine_fetch_put(struct fetch_engine *e, struct fetch *f);
struct conn *engine_conn_get(struct fetch_engine *e); /* zeroed */
void engine_conn_put(struct fetch_engine *e, struct conn *c);
struct hresp_block *engine_block_get(struct fetch_engine *e);
void engine_block_put(struct fetch_engine *e, struct hresp_block *b);
void engine_kick(struct fetch_engine *e, struct lane *lane); /* pool_run_queue in the next turn */
void engine_unkick(struct fetch_engine *e, struct lane *lane);

/* origin.c */
void origin_free(struct fetch_origin *o);
struct fetch_origin *origin_ref(const struct fetch_origin *o);
/* NULL when its profile cannot be used: tls_text says why. */
struct tls_origin *origin_tls(const struct fetch_origin *origin);

/* pool.c */
void pool_assign(struct fetch_pool *p, struct fetch *f); /* idle connection, new one, or queue */
void pool_dial(struct lane *lane, struct fetch *f, uint64_t now_ns); /* a new connection for f */
void pool_unqueue(struct fetch *f);
void pool_keep(struct conn *c); /* a connection whose exchange ended well */
void pool_drop(struct conn *c); /* takes an idle one out of its list */
void pool_run_queue(struct lane *lane);

/* conn.c */
struct conn *conn_new(struct lane *lane, struct fetch *f);
void conn_watch(struct conn *c, short events); /* EV_READ, EV_WRITE, both or 0 */
void conn_read_on(struct conn *c);             /* reading goes on, after others had their turn */
void conn_close(struct conn *c);               /* ends, frees; the fetch must be detached */

/* dial.c */
void dial_start(struct conn *c);
void dial_event(struct conn *c);
void dial_cancel(struct conn *c);

/* fetch.c */
void fetch_failed(struct fetch *f, enum fetch_error error, int sys, const char *text);
void fetch_set_text(struct fetch *f, const char *text); /* copied */
void fetch_end(struct fetch *f); /* detaches; the connection is closed unless it can be kept */
void fetch_start_over(struct fetch *f); /* on a new connection, which may end it */
void fetch_notify(struct fetch *f);
void fetch_start_phase(struct fetch *f, uint32_t timeout_ms, uint64_t now_ns);

/* fetch_io.c */
void fetch_io_send(struct fetch *f); /* on an established connection; may end the exchange */
void fetch_io_event(struct conn *c, short what);
void fetch_io_resume(struct fetch *f); /* streaming: there is room again */
bool fetch_io_send_body(
    struct fetch *f); /* one that was held; false when that ended the exchange */

/* fetch_body.c */
enum fetch_error fetch_body_begin(struct fetch *f);              /* after the head */
bool fetch_body_add(void *fetch, const char *bytes, size_t len); /* hresp_body_cb */
enum fetch_error fetch_body_finish(struct fetch *f);             /* all of it was received */
bool fetch_body_is_full(const struct fetch *f); /* streaming: stop reading for now */
