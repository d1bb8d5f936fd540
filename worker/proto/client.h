// SPDX-License-Identifier: MIT
#pragma once
/* client: exchanges of a request and its response, over whatever protocol. No Python in here.
 *
 * An exchange is a method, the parts of a URL, a list of headers and a body; what comes of it are
 * events: the request is sent, the head of the answer is there, there is body, the end, an error;
 * and it may be cancelled at any time. How it looks on the wire is the protocol's (protocol.h;
 * HTTP/1.1 is worker/http1), and how many exchanges a connection carries side by side. The caller
 * (worker/py) decides about redirects, cookies and authentication; the client owns connections
 * (pool, DNS, connect, proxy, TLS), body codings, limits and deadlines.
 *
 * Turn model: fetch_start tries to write at once; everything later happens in libevent callbacks.
 * Events are told to the owner from there, never from inside fetch_start (a failure at once is seen
 * by fetch_is_done), never after fetch_cancel returned; the end or the error is the last one, and
 * comes once. Callbacks run without the GIL: they must only mark their user ready (hub_wake); only
 * that of the end or an error may free the exchange.
 *
 * Kept connections: one that the server closes in the same moment costs nothing but a new one. A
 * request that cannot have been taken by the server is always sent again, others as fetch_request
 * says.
 *
 * Hot path: a request on a warm connection costs one write, one read, no epoll_ctl, no malloc
 * beyond the response's own head and body. An idle connection keeps no buffer.
 *
 * Hostile servers: a head has FETCH_MAX_HEAD bytes and FETCH_MAX_HEADERS lines at most, a decoded
 * body fetch_max_body; what is more ends that exchange, with its own error, and touches no other.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/proto/counters.h"
#include "worker/proto/errors.h"
#include "worker/proto/header.h"
#include "worker/proto/times.h"

struct event_base;
struct protocols;    /* what is spoken: protocol.h */
struct fetch_engine; /* one per process: DNS, TLS session cache, buffers */
struct fetch_pool;   /* connections of one session (or shared by several) */
struct fetch;        /* one exchange; owned by the caller from fetch_start to fetch_free */

#define FETCH_MAX_HEAD (256u * 1024)
#define FETCH_MAX_HEADERS 256

struct fetch_limits {
    uint64_t max_body; /* decoded bytes of a body that is collected in memory (not streamed) */
};

/* The protocols must outlive it: those of targets that name none, and the next of them. */
struct fetch_engine *fetch_engine_new(struct event_base *base, const struct protocols *protocols);
void fetch_engine_set_limits(struct fetch_engine *e, struct fetch_limits limits);
void fetch_engine_free(struct fetch_engine *e);

/* How a TLS connection is made. Equal profiles (by content) share contexts and sessions. */
struct fetch_tls {
    bool verify;           /* chain and host name */
    const char *ca_file;   /* bundle file or directory; NULL = the system's */
    const char *cert_file; /* client certificate, PEM; NULL = none */
    const char *key_file;  /* NULL = in cert_file */
    const char *name;      /* the server's, asked for and verified; NULL = the target's host */
};

/* Where a connection goes. The strings are copied by fetch_origin_get. */
struct fetch_target {
    const char *host; /* name, address literal (IPv6 without brackets), path of a Unix socket: /… */
    uint16_t port;
    bool tls, tunnels;            /* tunnels: through a proxy without tls, too */
    struct fetch_tls tls_profile; /* when tls */
    const char *proxy_host; /* NULL = direct. tls over a proxy uses CONNECT; plain requests go to
                               the proxy: see is_forwarded of a request */
    uint16_t proxy_port;
    const char *proxy_auth;            /* value of Proxy-Authorization for CONNECT; NULL = none */
    const struct protocols *protocols; /* NULL = the engine's first */
};
/* Interned: same target, same pointer. A reference, to be given back: a target's redirects may name
 * hosts without end. Pools keep their own while they have connections to it. */
const struct fetch_origin *fetch_origin_get(struct fetch_engine *e, const struct fetch_target *t);
void fetch_origin_put(const struct fetch_origin *origin);
/* Of an authority, what Host says: without a port that goes without saying. */
size_t fetch_host_len(const char *authority, size_t len, bool is_tls);
bool fetch_origin_is_tls(const struct fetch_origin *origin);

struct fetch_pool_config {
    unsigned max_idle_per_origin; /* connections kept when a response is done (requests: 10) */
    unsigned max_per_origin; /* 0 = no limit; else further exchanges queue (Fast: concurrency) */
    unsigned max_shared; /* of connections that carry several; 0 = max_per_origin is for them too */
    uint32_t
        ping_ms; /* without a word of the server: asks whether it is there. 0 = never; HTTP/2 */
    uint32_t ping_wait_ms; /* for a word then, or the connection is lost; 0 = as long as ping_ms */
    bool pings_busy_only;  /* only while there are exchanges on it */
    bool is_of_many;       /* users: each connection comes from the next source address */
};
struct fetch_pool *fetch_pool_new(struct fetch_engine *e, struct fetch_pool_config c);
void fetch_pool_close_idle(struct fetch_pool *p);
void fetch_pool_free(struct fetch_pool *p); /* running exchanges of it must have ended */

enum fetch_body_mode {
    FETCH_COLLECT, /* the whole decoded body is in the response at the end */
    FETCH_STREAM,  /* fetch_read gives it from the head on. Back-pressure at 64 KiB */
};

/* What is told to the owner. Of a stream, DATA, END and ERROR come only to a reader whom fetch_read
 * told to wait; who does not wait finds out by reading. */
enum fetch_event {
    FETCH_SENT = 1, /* all of the request; not told where fetch_start did it: see was_sent */
    FETCH_HEAD = 2, /* status and headers are in the response */
    FETCH_DATA = 4, /* there is body to read */
    FETCH_END = 8,
    FETCH_ERROR = 16,
    FETCH_WANTED = 32, /* the next piece of a body that comes in pieces: fetch_give */
    FETCH_OVER = FETCH_END | FETCH_ERROR,
    FETCH_READABLE = FETCH_HEAD | FETCH_DATA | FETCH_OVER,
};
typedef void fetch_event_cb(void *arg, enum fetch_event what);

/* What it points to must live until the exchange ends: it may have to be sent again. Nothing of it
 * is checked for characters that the protocol cannot carry. */
struct fetch_request {
    const struct fetch_origin *origin;     /* scheme and where to connect */
    const char *method, *authority, *path; /* authority: as the URL has it; path: with its query */
    size_t method_len, authority_len, path_len;
    const struct fetch_header *headers; /* in the order and spelling in which they are sent */
    size_t header_count;
    struct fetch_kept *kept; /* of this list; NULL = it is of this request only */
    const void *body;        /* NULL, or all of it, which may have to be read again */
    size_t body_len;
    bool is_in_pieces;    /* the body comes by fetch_give, once: begun, it is never sent again */
    bool is_chunked;      /* of such a one: of no length that is known, ended by the protocol */
    unsigned events;      /* FETCH_… that are told */
    unsigned resends;     /* how often it may be sent again when a connection that was kept ends
                             before any byte of the answer, though the server may have it */
    bool resends_on_new;  /* so too on a connection that was made for it */
    bool fails_refused;   /* not again what the server says it has refused: HTTP/2 */
    bool awaits_continue; /* the head asks (Expect) whether the body is wanted: it follows when the
                             server says 100, or nothing for a while; not after a final answer */
    bool is_forwarded;    /* by a proxy, which is told the authority */
    bool head_only;       /* HEAD: no body in the answer whatever its headers say */
    bool keep_encoded, discards; /* do not decompress; nor keep a body that is collected */
    bool is_stamped; /* of a stream: keep when each part of it arrived, for fetch_peek */
    enum fetch_body_mode mode;
    uint64_t max_body;           /* of one that is collected; 0 = the engine's limit */
    uint32_t connect_timeout_ms; /* 0 = none */
    uint32_t read_timeout_ms;    /* between two reads, as requests means it; 0 = none */
    uint32_t total_timeout_ms;   /* whole exchange; 0 = none */
};

struct fetch_response {     /* borrowed from the fetch; valid until fetch_free */
    enum fetch_error error; /* OK, or why there is no (complete) response */
    int sys;                /* errno, EAI_ code or status; see FETCH_ERRORS */
    const char *text;       /* details or NULL */
    bool was_reused;        /* on a connection that had served before */
    bool was_sent;          /* the whole request reached the kernel: the server may count it */
    unsigned resent;        /* sendings before this one that the server may count */
    int status;             /* 0 until a head was read */
    unsigned version, tls_version; /* 10, 11, 20 …; 12, 13, 0 without TLS */
    const char *reason;
    size_t reason_len;
    const struct fetch_header *headers; /* into the head; values trimmed */
    size_t header_count;
    const struct fetch_header *trailers; /* all of them at the end */
    size_t trailer_count;
    const char *head; /* raw, status line included; NULL where there is none as text */
    size_t head_len;  /* bytes received but for the body's */
    const char *body;
    size_t body_len;        /* FETCH_COLLECT: decoded; partial on error */
    uint64_t wire_body_len; /* body bytes as received, before decoding */
    uint64_t sent_bytes;    /* of head and body; up to date when writing is over */
    struct fetch_times times;
};

/* Starts an exchange. NULL never; on immediate failure the fetch is already done (fetch_is_done)
 * and nothing will be told. */
struct fetch *fetch_start(struct fetch_pool *p, const struct fetch_request *r, fetch_event_cb *told,
                          void *arg);
/* Of a body in pieces: may the next be given? That piece, borrowed for the call; none: the end. */
bool fetch_wants_piece(const struct fetch *f);
void fetch_give(struct fetch *f, const void *bytes, size_t len);
/* Over, or of a stream, its head is there. */
bool fetch_is_done(const struct fetch *f);
const struct fetch_response *fetch_response(const struct fetch *f);
uint64_t fetch_max_body(const struct fetch *f); /* decoded bytes of one that is collected */
/* Moves the collected body out (malloced, NUL-terminated); the response's body is NULL after. */
char *fetch_take_body(struct fetch *f, size_t *len);

/* FETCH_STREAM, from the head on: copies decoded bytes. Returns > 0 bytes copied, 0 end of body, -1
 * nothing yet (an event tells when there is), -2 failed (see response error). */
long fetch_read(struct fetch *f, void *buffer, size_t len);
/* The same where it lies, until the next call: how many bytes arrived together, and when
 * (CLOCK_MONOTONIC ns, by the kernel's stamp; of one that is_stamped). fetch_skip takes them. */
long fetch_peek(struct fetch *f, const char **bytes, uint64_t *arrived_ns);
void fetch_skip(struct fetch *f, size_t len);

/* Ends an exchange in flight; error becomes CANCELLED. Idempotent. */
void fetch_cancel(struct fetch *f);
/* Releases f; what was not read of a streamed body is given up. */
void fetch_free(struct fetch *f);

struct fetch_counters fetch_engine_counters(const struct fetch_engine *e);
