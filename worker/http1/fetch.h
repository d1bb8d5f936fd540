// SPDX-License-Identifier: MIT
#pragma once
/* fetch: one HTTP/1.1 exchange: request bytes out, a parsed response in. No Python in here.
 *
 * The caller (worker/py) chooses method, URL and headers, and decides about redirects, cookies and
 * authentication; fetch owns connections (pool, DNS, connect, proxy CONNECT, TLS), what is written
 * on them, the response parser, body framing, decompression, limits and deadlines.
 *
 * Turn model: fetch_start tries to write at once; everything later happens in libevent callbacks,
 * and the exchange ends with exactly one call of done(arg), never from inside fetch_start
 * (a failure at once is reported by the return value), never after fetch_cancel returned.
 * Callbacks run without the GIL: done must only mark its user ready (hub_wake).
 *
 * Kept connections: one that the server closes in the same moment costs nothing but a new one. A
 * request that cannot have been taken by the server is always sent again, others as fetch_request
 * says.
 *
 * Hot path: a request on a warm connection costs one write, one read, no epoll_ctl, no malloc
 * beyond the response's own head and body. An idle connection keeps no buffer.
 *
 * Hostile servers: the head is limited to FETCH_MAX_HEAD bytes and FETCH_MAX_HEADERS lines, a
 * decoded body to fetch_limits.max_body; every violation ends that exchange with its own error,
 * closes that connection, and touches nothing else.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct fetch_engine; /* one per process: DNS, TLS session cache, buffers */
struct fetch_pool;   /* connections of one session (or shared by several) */
struct fetch;        /* one exchange; owned by the caller from fetch_start to fetch_free */

#define FETCH_MAX_HEAD (256u * 1024)
#define FETCH_MAX_HEADERS 256

struct fetch_limits {
    uint64_t max_body; /* decoded bytes of a body that is collected in memory (not streamed) */
};

struct fetch_engine *fetch_engine_new(struct event_base *base);
void fetch_engine_set_limits(struct fetch_engine *e, struct fetch_limits limits);
void fetch_engine_free(struct fetch_engine *e);

/* How a TLS connection is made. Equal profiles (by content) share contexts and sessions. */
struct fetch_tls {
    bool verify;           /* chain and host name */
    const char *ca_file;   /* bundle file or directory; NULL = the system's */
    const char *cert_file; /* client certificate, PEM; NULL = none */
    const char *key_file;  /* NULL = in cert_file */
};

/* Where a connection goes. The strings are copied by fetch_origin_get. */
struct fetch_target {
    const char *host; /* name or address literal, IPv6 without brackets */
    uint16_t port;
    bool tls;
    struct fetch_tls tls_profile; /* when tls */
    const char *proxy_host; /* NULL = direct. tls over a proxy uses CONNECT; plain requests go to
                               the proxy: see is_forwarded of a request */
    uint16_t proxy_port;
    const char *proxy_auth; /* value of Proxy-Authorization for CONNECT; NULL = none */
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
};
struct fetch_pool *fetch_pool_new(struct fetch_engine *e, struct fetch_pool_config c);
void fetch_pool_close_idle(struct fetch_pool *p);
void fetch_pool_free(struct fetch_pool *p); /* running exchanges of it must have ended */

enum fetch_body_mode {
    FETCH_COLLECT, /* the whole decoded body is in the response when done is called */
    FETCH_STREAM,  /* done after the head; then fetch_read. Back-pressure at 64 KiB */
};

/* Name and value; slices without a NUL. Of a request: a value of NULL stands for what the protocol
 * says there itself, in Host and in Content-Length. */
struct fetch_header {
    const char *name, *value;
    uint32_t name_len, value_len;
};

/* What it points to must live until the exchange ends: it may have to be sent again. Nothing of it
 * is checked for characters that the protocol cannot carry. */
struct fetch_request {
    const struct fetch_origin *origin;     /* scheme and where to connect */
    const char *method, *authority, *path; /* authority: as the URL has it; path: with its query */
    size_t method_len, authority_len, path_len;
    const struct fetch_header *headers; /* in the order and spelling in which they are sent */
    size_t header_count;
    const void *body; /* NULL or the whole body */
    size_t body_len;
    unsigned resends;    /* how often it may be sent again when a connection that was kept ends
                            before any byte of the answer, though the server may have it */
    bool resends_on_new; /* so too on a connection that was made for it */
    bool
        awaits_continue; /* the head asks (Expect) whether the body is wanted: the body follows when
                            the server says 100, or nothing for a while; not after a final answer */
    bool is_forwarded;   /* by a proxy, which is told the authority */
    bool head_only;      /* HEAD: no body in the answer whatever its headers say */
    bool keep_encoded;   /* do not decompress (requests' stream with raw) */
    enum fetch_body_mode mode;
    uint32_t connect_timeout_ms; /* 0 = none */
    uint32_t read_timeout_ms;    /* between two reads, as requests means it; 0 = none */
    uint32_t total_timeout_ms;   /* whole exchange; 0 = none */
};

/* code, failure text for people. The Python exceptions are mapped in py_client. */
#define FETCH_ERRORS(X)                                                                            \
    X(OK, "ok")                                                                                    \
    X(RESOLVE, "name resolution failed") /* sys: EAI_ code */                                      \
    X(CONNECT, "connection failed")      /* sys: errno */                                          \
    X(CONNECT_TIMEOUT, "connect timed out")                                                        \
    X(TLS, "TLS handshake failed")             /* text: OpenSSL's reason */                        \
    X(TLS_VERIFY, "certificate verify failed") /* text: the verification error */                  \
    X(PROXY, "proxy refused the tunnel")       /* sys: HTTP status */                              \
    X(WRITE, "sending failed")                 /* sys: errno */                                    \
    X(RESET, "connection broken")              /* sys: errno */                                    \
    X(CLOSED, "remote end closed connection without response")                                     \
    X(INCOMPLETE, "response ended before its announced length")                                    \
    X(READ_TIMEOUT, "read timed out")                                                              \
    X(TOTAL_TIMEOUT, "timed out")                                                                  \
    X(PROTOCOL, "malformed HTTP response") /* text: what */                                        \
    X(HEAD_TOO_LARGE, "response head too large")                                                   \
    X(BODY_TOO_LARGE, "response body too large")                                                   \
    X(DECODE, "response body could not be decompressed")                                           \
    X(NO_MEMORY, "no memory left for the response body")                                           \
    X(NO_FILES, "no file descriptor left") /* EMFILE, ENFILE */                                    \
    X(CANCELLED, "cancelled")
enum fetch_error {
#define X(name, text) FETCH_##name,
    FETCH_ERRORS(X)
#undef X
};
const char *fetch_error_text(enum fetch_error e);

/* When what happened: CLOCK_MONOTONIC ns; 0 = did not happen (warm connection: no dns/connect/tls).
 */
struct fetch_times {
    uint64_t start;
    uint64_t dialed; /* a new connection was begun: after any wait for one that may be used */
    uint64_t resolved, connected, secured; /* connected: with a tunnel through a proxy, that too */
    uint64_t sent_first;                   /* before the first byte is written */
    uint64_t sent_last, first_byte, last_byte;
};

struct fetch_response {     /* borrowed from the fetch; valid until fetch_free */
    enum fetch_error error; /* OK, or why there is no (complete) response */
    int sys;                /* errno, EAI_ code or status; see FETCH_ERRORS */
    const char *text;       /* details or NULL */
    bool was_reused;        /* on a connection that had served before */
    bool was_sent;          /* the whole request reached the kernel: the server may count it */
    unsigned resent;        /* sendings before this one that the server may count */
    int status;             /* 0 until a head was read */
    unsigned http_minor;    /* 0 or 1 */
    const char *reason;
    size_t reason_len;
    const struct fetch_header *headers; /* into the head; values trimmed */
    size_t header_count;
    const char *head;
    size_t head_len; /* raw head, status line included */
    const char *body;
    size_t body_len;        /* FETCH_COLLECT: decoded; partial on error */
    uint64_t wire_body_len; /* body bytes as received, before decoding */
    uint64_t sent_bytes;    /* of head and body; up to date when writing is over */
    struct fetch_times times;
};

typedef void fetch_done_cb(void *arg);

/* Starts an exchange. NULL never; on immediate failure the fetch is already done (fetch_is_done)
 * and the callback will not come. */
struct fetch *fetch_start(struct fetch_pool *p, const struct fetch_request *r, fetch_done_cb *done,
                          void *arg);
bool fetch_is_done(const struct fetch *f);
const struct fetch_response *fetch_response(const struct fetch *f);
/* Moves the collected body out (malloced, NUL-terminated); the response's body is NULL after. */
char *fetch_take_body(struct fetch *f, size_t *len);

/* FETCH_STREAM, after the first done: copies decoded bytes. Returns > 0 bytes copied, 0 end of
 * body, -1 nothing yet (done(arg) is called when there is), -2 failed (see response error). */
long fetch_read(struct fetch *f, void *buffer, size_t len);

/* Ends an exchange in flight: closes its connection; error becomes CANCELLED. Idempotent. */
void fetch_cancel(struct fetch *f);
/* Releases f. A streamed body not read to its end closes the connection. f must be done or
 * cancelled. */
void fetch_free(struct fetch *f);

enum fetch_phase {
    FETCH_PHASE_QUEUE, /* for a connection, and whatever is none of the others */
    FETCH_PHASE_DNS,
    FETCH_PHASE_CONNECT,
    FETCH_PHASE_TLS,
    FETCH_PHASE_SEND,
    FETCH_PHASE_WAIT,
    FETCH_PHASE_RECEIVE,
    FETCH_PHASES
};

/* Where the time of an exchange went, added to phase_us (one per phase, in microseconds).
 * until: its end, CLOCK_MONOTONIC ns. The phases are cut at whole microseconds of their running
 * sum, so together they are the whole time, rounded down once. */
void fetch_phases(const struct fetch_times *t, uint64_t until, uint64_t *phase_us);

/* Counters for health and tests. */
struct fetch_counters {
    uint64_t connections_opened, connections_reused, connections_open, dns_lookups, tls_resumed;
    uint64_t origins; /* known now */
};
struct fetch_counters fetch_engine_counters(const struct fetch_engine *e);
