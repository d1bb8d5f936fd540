// SPDX-License-Identifier: MIT
#pragma once
/* fetch_int: what the files behind client.h share with each other and with the protocols. Not for
 * anyone else.
 *
 *   engine.c   memory and counters         pool.c   which connection for which exchange
 *   origin.c   interned targets            conn.c   one connection and its event
 *   dial.c     resolve, connect, tunnel, TLS handshake, ALPN
 *   fetch.c    the exchange: start, end, deadlines, the public calls
 *   fetch_body.c  body bytes to the caller     upgrade.c  a connection that is its owner's now
 *
 * fetch, pool, conn and dial call each other in a circle, on purpose: together they are one state
 * machine, the life of an exchange (queued, dialing, running, over) and of its connection (dialing,
 * in use, idle), where each step of one is a step of the other. It is the only circle here: a
 * protocol is reached through its table, and body, origin and engine are called only.
 *
 * Ownership: the engine owns free memory, and origins while somebody refers to them: callers and
 * lanes. A pool owns its lanes, those used last; a lane its connections; the caller its fetches. A
 * connection that is being set up has one exchange, later up to its capacity; ending one detaches
 * it. Whatever ends an exchange goes through fetch_end.
 */
#include <event2/event.h>
#include <event2/event_struct.h>

#include "common/base/handle.h"
#include "common/base/map.h"
#include "common/base/sbuf.h"
#include "worker/net/deadline.h"
#include "worker/net/dns.h"
#include "worker/net/stream.h"
#include "worker/proto/client.h"
#include "worker/proto/protocol.h"

#define ENGINE_IN_SIZE (64u * 1024)
#define ENGINE_BLOCK_SIZE 2048u /* memory of an ordinary head */
#define BODY_SPARES 4u          /* buffers of large bodies that are kept for the next */
#define STREAM_HIGH                                                                                \
    (64u * 1024) /* decoded bytes of a streamed body that may wait for the reader                  \
                  */

struct addresses;
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

#define ENGINE_TAG 0x656e6769u /* "engi" */
#define POOL_TAG 0x706f6f6cu   /* "pool" */
#define CONN_TAG 0x636f6e6eu   /* "conn" */
#define FETCH_TAG 0x66657463u  /* "fetc" */

struct fetch_engine {
    uint32_t tag;
    struct event_base *base;
    const struct protocols *protocols; /* of targets that name none */
    size_t fetch_size;                 /* with the largest state of a protocol */
    struct dns *dns;
    struct tls *tls;
    struct deadlines *deadlines;
    struct map origins, lanes; /* lanes by pool and origin */
    struct fetch_limits limits;
    const uint64_t *polled_ns; /* polls.h; NULL: not told */
    unsigned told_once;        /* events of connections that are, counted round and round */
    struct addresses *sources; /* owned; NULL: the system's choice */
    uint32_t next_source;
    struct fetch_counters counters;
    struct event *kick; /* runs the lanes below in the next turn of the loop */
    struct lane *kicked;
    struct spares conns, fetches, blocks;
    struct sbuf bodies[BODY_SPARES];
    struct sbuf out;         /* what a protocol is about to write */
    char in[ENGINE_IN_SIZE]; /* where reads go, but those of a large body */
};

struct fetch_origin {
    struct fetch_origin *self; /* callers hold it const; tls_state is ours to change */
    struct fetch_engine *engine;
    const struct protocols *protocols;
    struct fetch_origin *instead; /* once its peer refused to speak that; NULL = it did not */
    uint64_t hash;
    unsigned refs;
    char *host, *proxy_host, *proxy_auth;
    uint16_t port, proxy_port;
    bool is_tls;
    struct fetch_tls profile;     /* own copies of the strings */
    struct tls_origin *tls_state; /* made on first use, with sessions; NULL until then */
};

struct fetch_pool {
    uint32_t tag;
    unsigned lane_count; /* here, for a user often has a pool of its own: no hole */
    struct fetch_engine *engine;
    struct fetch_pool_config config;
    uint32_t source;                /* of all of its connections, unless it is several users' */
    struct lane *lanes, *last_lane; /* used last first */
};

/* A pool's share of one origin. */
struct lane {
    struct lane *next, *prev;
    struct fetch_pool *pool;
    const struct fetch_origin *origin;
    struct conn *open, *oldest; /* those with room for more, most recently used first */
    unsigned idle_count;        /* of them, nothing is on these */
    unsigned conn_count, dialing_count, retired_count, untold_count;
    unsigned expected; /* capacity of a connection that is being made, as far as one can know */
    bool is_shared;    /* its connections carry several, as far as one can know */
    struct fetch *queue, *queue_tail;
    unsigned queued_count;
    struct lane *next_kicked;
    bool is_kicked;
};

struct conn {
    uint32_t tag;
    struct event event; /* persistent; for reading, and for writing while something is pending */
    struct stream stream;
    struct lane *lane;
    const struct protocol *protocol; /* NULL while dialing */
    void *state;                     /* the protocol's */
    struct fetch *exchanges;         /* on it, linked by next and prev */
    unsigned exchange_count, capacity;
    struct dial *dial;        /* while dialing */
    struct conn *next, *prev; /* of the lane's open ones */
    uint64_t idle_since_ns;   /* looked at last; 0: long ago */
    short watched;            /* EV_ flags the event is added with; 0 = not added */
    bool is_listed;           /* among the lane's open ones */
    bool is_told_once;        /* of what came: until all that lies there is read */
    bool has_served;
    bool is_unusable; /* not for another exchange */
    bool is_retired;  /* and not counted among those that a lane may have */
    bool is_untold;   /* its peer has not said how many it takes: `capacity` is to be cautious */
};

enum fetch_state { FETCH_IS_QUEUED, FETCH_IS_DIALING, FETCH_IS_RUNNING, FETCH_IS_OVER };

struct fetch {
    uint32_t tag;
    struct fetch_response response;
    struct fetch_engine *engine;
    struct conn *conn;               /* NULL when queued or over */
    const struct protocol *protocol; /* whose state it has; NULL = none yet */
    struct lane *lane;               /* while queued */
    struct fetch *next, *prev;       /* of the queue, or of the connection's exchanges */
    struct fetch_request request;
    fetch_event_cb *told;
    void *arg;
    uint64_t length; /* of the body, where it was announced */
    struct decode *decode;
    struct sbuf body;      /* decoded: the whole (collect), or what waits for the reader */
    struct sbuf undecoded; /* streaming, compressed: what the decoder has no room for yet */
    size_t body_read;      /* of body, by the reader */
    struct sbuf arrivals;  /* streaming, stamped: struct arrival, of what waits for the reader */
    uint64_t last_io_ns;
    uint64_t stamped_ns;     /* the latest of arrivals */
    uint64_t arrived_ns;     /* the last bytes; of HTTP/2: of a stream that is stamped */
    char *own_text;          /* memory of response.text */
    struct stream *upgraded; /* of an answer 101, until it is taken; NULL: there was none */
    struct deadline phase_deadline, total_deadline;
    uint8_t state;
    uint8_t retries;      /* the protocol's to count: sendings that were refused */
    bool is_starting;     /* within fetch_start or fetch_give: nobody is told */
    bool is_body_held;    /* until the server says that it wants it */
    bool is_piece_wanted; /* of the body, from the owner */
    bool has_head, is_body_whole, has_length, is_undecodable;
    bool is_reader_waiting; /* streaming: the owner waits to be told */
    bool has_more_decoded;  /* streaming: the decoder can go on without input */
    max_align_t protocol_state[];
};

static inline void *fetch_state(struct fetch *f)
{
    return f->protocol_state;
}

#include "worker/proto/driver.h" /* what protocols call of all this */
