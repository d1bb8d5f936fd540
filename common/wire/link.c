// SPDX-License-Identifier: MIT
/* All links of a process share one ZeroMQ context (one I/O thread), made with the first link and
 * ended with the last; that and its counter are the only state here that is not in a struct link.
 *
 * Dead peers: the connecting side sends ZMTP heartbeats every 2 s, which make both sides cut a
 * connection that was silent for 10 s. The master sends none: foreign workers with a ZeroMQ of
 * their own need not know them, TCP keepalive covers those. Reconnecting is ZeroMQ's, after 0.1 s
 * to 2 s.
 * What arrives in another form than Locust's framing is dropped and counted. */
#include "common/wire/link.h"

#include "common/base/handle.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/wire/keys.h"
#include "common/wire/link_guard.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#if defined(__SANITIZE_THREAD__)
/* ZeroMQ is not instrumented, so ThreadSanitizer cannot see how its threads agree. */
const char *__tsan_default_suppressions(void);
__attribute__((visibility("default"), used)) const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:libzmq.so\nrace:libzmq.so\n";
}
#endif

#define QUEUE_MESSAGES 10000 /* per peer, outgoing, then LINK_FULL; incoming ones of a worker */
#define UNREAD_MESSAGES 32   /* per worker, at a master; then the worker's queue grows */
#define MAX_MESSAGE (INT64_C(64) << 20)
#define BACKLOG 4096      /* connections that wait to be taken: all of a cluster may come at once */
#define MAX_LINKS 49152   /* a worker's link has three sockets */
#define SKIPPED_FRAMES 64 /* at a time */
#define SILENCE_MS 10000  /* then a connection counts as dead */

#define LINK_TAG 0x6c696e6bu /* "link" */

struct link {
    uint32_t tag;
    void *socket;
    bool is_router;
    bool is_inside; /* a message of which the rest is to be skipped */
    char *endpoint;
    uint64_t dropped;
    struct link_guard *guard; /* of a master with keys */
    bool has_key;             /* a worker with one */
    void *events;             /* of a worker: handshakes that failed */
    const char *trouble;
    bool is_given_up;
};

static struct {
    pthread_mutex_t lock;
    void *zmq;
    unsigned links;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *context_ref(void)
{
    pthread_mutex_lock(&shared.lock);
    if (!shared.links) {
        shared.zmq = zmq_ctx_new();
        if (shared.zmq)
            zmq_ctx_set(shared.zmq, ZMQ_MAX_SOCKETS, MAX_LINKS);
    }
    if (shared.zmq)
        shared.links++;
    pthread_mutex_unlock(&shared.lock);
    return shared.zmq;
}

static void context_unref(void)
{
    pthread_mutex_lock(&shared.lock);
    if (--shared.links == 0) {
        while (zmq_ctx_term(shared.zmq) != 0 && errno == EINTR)
            ;
        shared.zmq = NULL;
    }
    pthread_mutex_unlock(&shared.lock);
}

static void set_int(void *socket, int option, int value)
{
    int rc = zmq_setsockopt(socket, option, &value, sizeof value);
    assert(rc == 0);
    (void)rc;
}

static void set_common(void *socket)
{
    int64_t max_message = MAX_MESSAGE;
    zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &max_message, sizeof max_message);
    set_int(socket, ZMQ_SNDHWM, QUEUE_MESSAGES);
    set_int(socket, ZMQ_TCP_KEEPALIVE, 1);
    set_int(socket, ZMQ_TCP_KEEPALIVE_IDLE, 30);
    set_int(socket, ZMQ_HANDSHAKE_IVL, 10000);
    set_int(socket, ZMQ_LINGER, 0);
    set_int(socket, ZMQ_BACKLOG, BACKLOG);
}

/* The host of "tcp://host:port", without brackets; malloced. NULL when it is not a tcp endpoint. */
static char *endpoint_host(const char *endpoint)
{
    if (strncmp(endpoint, "tcp://", 6) != 0)
        return NULL;
    const char *host = endpoint + 6, *colon = strrchr(host, ':');
    size_t len = colon ? (size_t)(colon - host) : strlen(host);
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host++;
        len -= 2;
    }
    return mem_dup(host, len);
}

static bool has_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* ZeroMQ asks for one family: IPv4 unless IPv6 is what the host needs. "*" listens on both. */
static bool wants_ipv6(const char *host)
{
    if (strcmp(host, "*") == 0)
        return has_ipv6();
    if (strchr(host, ':'))
        return true;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    if (getaddrinfo(host, NULL, &hints, &found) != 0)
        return false;
    bool has_v4 = false;
    for (const struct addrinfo *a = found; a; a = a->ai_next)
        has_v4 = has_v4 || a->ai_family == AF_INET;
    freeaddrinfo(found);
    return !has_v4;
}

static struct link *link_new(int type, char **why)
{
    void *context = context_ref();
    void *socket = context ? zmq_socket(context, type) : NULL;
    if (!socket) {
        struct sbuf text = {0};
        sbuf_addf(&text,
                  "cannot open a ZeroMQ socket: %s; raise the limit of open files (ulimit -n)",
                  zmq_strerror(errno));
        *why = sbuf_take(&text);
        if (context)
            context_unref();
        return NULL;
    }
    struct link *l = mem_zalloc(sizeof *l);
    HANDLE_MADE(l, LINK_TAG);
    l->socket = socket;
    l->is_router = type == ZMQ_ROUTER;
    set_common(socket);
    set_int(socket, ZMQ_RCVHWM, l->is_router ? UNREAD_MESSAGES : QUEUE_MESSAGES);
    return l;
}

static bool has_ipv6_on(void *socket)
{
    int value = 0;
    size_t len = sizeof value;
    return zmq_getsockopt(socket, ZMQ_IPV6, &value, &len) == 0 && value;
}

static int bind_to_address(struct link *l, const struct addrinfo *a, const char *port)
{
    char number[128];
    struct sbuf numeric = {0};
    if (getnameinfo(a->ai_addr, a->ai_addrlen, number, sizeof number, NULL, 0, NI_NUMERICHOST) != 0)
        return -1;
    sbuf_addf(&numeric, a->ai_family == AF_INET6 ? "tcp://[%s]%s" : "tcp://%s%s", number, port);
    int rc = zmq_bind(l->socket, numeric.data);
    sbuf_fini(&numeric);
    return rc;
}

/* ZeroMQ listens on numbers and interface names only; other names are resolved here. A name may
 * have addresses of both families (localhost mostly does) and some that are not of this machine:
 * the first one that can be had. */
static int bind_by_name(struct link *l, const char *endpoint)
{
    char *host = endpoint_host(endpoint);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
    int rc = -1, error = ENODEV;
    if (host && getaddrinfo(host, NULL, &hints, &found) == 0) {
        for (const struct addrinfo *a = found; rc != 0 && a; a = a->ai_next) {
            if (a->ai_family == AF_INET6 && !has_ipv6_on(l->socket))
                continue;
            rc = bind_to_address(l, a, strrchr(endpoint, ':'));
            error = errno;
        }
        freeaddrinfo(found);
    }
    free(host);
    errno = error;
    return rc;
}

static char *bind_failure(const char *endpoint, int error)
{
    bool is_tcp = strncmp(endpoint, "tcp://", 6) == 0;
    const char *where = strstr(endpoint, "://");
    where = where ? where + 3 : endpoint;
    struct sbuf text = {0};
    if (error == EADDRINUSE && is_tcp)
        sbuf_addf(&text,
                  "address already in use: another program listens on %s; "
                  "choose another with --master-bind-port",
                  where);
    else if (error == EADDRINUSE)
        sbuf_addf(&text, "address already in use: another program listens on %s; end it first",
                  where);
    else if ((error == EADDRNOTAVAIL || error == ENODEV) && is_tcp)
        sbuf_addf(&text,
                  "cannot listen on %s: this machine has no such address; "
                  "name one of its own with --master-bind-host, or * for all",
                  where);
    else if (error == EACCES && is_tcp)
        sbuf_addf(&text,
                  "not allowed to listen on %s: ports below 1024 belong to the administrator; "
                  "choose another with --master-bind-port",
                  where);
    else if (error == EINVAL || error == EPROTONOSUPPORT)
        sbuf_addf(&text, "\"%s\" is not an address to listen on; write tcp://HOST:PORT", endpoint);
    else
        sbuf_addf(&text, "cannot listen on %s: %s", where, zmq_strerror(error));
    return sbuf_take(&text);
}

/* Of what is bound from now on. */
static bool ask_for_keys(struct link *l, const struct keys *k, char **why)
{
    if (!zmq_has("curve"))
        return sbuf_refuse(why, "this libzmq was built without CURVE, which keys need; install one "
                                "that has it, or leave --keys out");
    if (!l->guard)
        l->guard = link_guard_new(shared.zmq, l->socket, k);
    if (!l->guard)
        return sbuf_refuse(why, "cannot guard the port with keys: %s", zmq_strerror(errno));
    set_int(l->socket, ZMQ_CURVE_SERVER, 1);
    zmq_setsockopt(l->socket, ZMQ_CURVE_SECRETKEY, k->master_secret, KEYS_BYTES);
    zmq_setsockopt(l->socket, ZMQ_ZAP_DOMAIN, LINK_GUARD_KEYS, strlen(LINK_GUARD_KEYS));
    return true;
}

static void ask_for_nothing(struct link *l)
{
    set_int(l->socket, ZMQ_CURVE_SERVER, 0);
    /* ZeroMQ takes no domain back. */
    zmq_setsockopt(l->socket, ZMQ_ZAP_DOMAIN, LINK_GUARD_OPEN, strlen(LINK_GUARD_OPEN));
}

bool link_listen(struct link *l, const char *endpoint, const struct keys *keys, char **why)
{
    HANDLE_IS(l, LINK_TAG);
    char *host = endpoint_host(endpoint);
    set_int(l->socket, ZMQ_IPV6, host && wants_ipv6(host));
    free(host);
    if (keys && !ask_for_keys(l, keys, why))
        return false;
    int rc = zmq_bind(l->socket, endpoint);
    if (rc != 0 && errno == ENODEV)
        rc = bind_by_name(l, endpoint);
    const int error = errno;
    if (keys)
        ask_for_nothing(l);
    if (rc != 0) {
        *why = bind_failure(endpoint, error);
        return false;
    }
    char bound[512];
    size_t len = sizeof bound;
    rc = zmq_getsockopt(l->socket, ZMQ_LAST_ENDPOINT, bound, &len);
    free(l->endpoint);
    l->endpoint = mem_strdup(rc == 0 ? bound : endpoint);
    return true;
}

struct link *link_bind(const char *endpoint, char **why)
{
    struct link *l = link_new(ZMQ_ROUTER, why);
    if (!l)
        return NULL;
    set_int(l->socket, ZMQ_ROUTER_HANDOVER, 1);
    set_int(l->socket, ZMQ_ROUTER_MANDATORY, 1);
    if (link_listen(l, endpoint, NULL, why))
        return l;
    link_close(l, 0);
    return NULL;
}

static bool show_key(struct link *l, const char *text, char **why)
{
    struct keys k;
    if (!keys_read_worker(text, &k, why))
        return false;
    l->has_key = zmq_setsockopt(l->socket, ZMQ_CURVE_SERVERKEY, k.master_public, KEYS_BYTES) == 0 &&
                 zmq_setsockopt(l->socket, ZMQ_CURVE_PUBLICKEY, k.worker_public, KEYS_BYTES) == 0 &&
                 zmq_setsockopt(l->socket, ZMQ_CURVE_SECRETKEY, k.worker_secret, KEYS_BYTES) == 0;
    OPENSSL_cleanse(&k, sizeof k);
    return l->has_key || sbuf_refuse(why, "this libzmq was built without CURVE, which a key needs; "
                                          "install one that has it");
}

/* What ZeroMQ says of a handshake ends the connection for good; only one that was cut is tried
 * again. A master that does not know our key cuts it, and so does one that wants a key, where it is
 * quicker than we are to see that we have none. */
static void watch_handshakes(struct link *l)
{
    if (strncmp(l->endpoint, "tcp:", 4) == 0)
        l->events = link_events_open(shared.zmq, l->socket,
                                     ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                                         ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                                         ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
}

static struct link *connecting(const char *endpoint, char **why)
{
    const char *hash = strchr(endpoint, '#');
    struct link *l = link_new(ZMQ_DEALER, why);
    if (!l)
        return NULL;
    l->endpoint = mem_dup(endpoint, hash ? (size_t)(hash - endpoint) : strlen(endpoint));
    char *host = endpoint_host(l->endpoint);
    if (host && wants_ipv6(host))
        set_int(l->socket, ZMQ_IPV6, 1);
    free(host);
    if (!hash || show_key(l, hash + 1, why))
        return l;
    link_close(l, 0);
    return NULL;
}

struct link *link_connect(const char *endpoint, const char *identity, char **why)
{
    struct link *l = connecting(endpoint, why);
    if (!l)
        return NULL;
    watch_handshakes(l);
    set_int(l->socket, ZMQ_RECONNECT_IVL, 100);
    set_int(l->socket, ZMQ_RECONNECT_IVL_MAX, 2000);
    set_int(l->socket, ZMQ_CONNECT_TIMEOUT, 3000);
    set_int(l->socket, ZMQ_HEARTBEAT_IVL, 2000);
    set_int(l->socket, ZMQ_HEARTBEAT_TIMEOUT, SILENCE_MS);
    set_int(l->socket, ZMQ_HEARTBEAT_TTL, SILENCE_MS);
    struct sbuf text = {0};
    if (zmq_setsockopt(l->socket, ZMQ_IDENTITY, identity, strlen(identity)) != 0)
        sbuf_addf(&text, "\"%s\" cannot name a node: it must have 1 to 255 bytes", identity);
    else if (zmq_connect(l->socket, l->endpoint) != 0)
        sbuf_addf(&text, "cannot connect to \"%s\": %s; write tcp://HOST:PORT", l->endpoint,
                  zmq_strerror(errno));
    if (text.len) {
        *why = sbuf_take(&text);
        link_close(l, 0);
        return NULL;
    }
    return l;
}

void link_close(struct link *l, int linger_ms)
{
    if (!l)
        return;
    HANDLE_IS(l, LINK_TAG);
    link_guard_free(l->guard);
    link_events_close(l->socket, l->events);
    set_int(l->socket, ZMQ_LINGER, linger_ms);
    zmq_close(l->socket);
    context_unref();
    free(l->endpoint);
    HANDLE_ENDS(l);
    free(l);
}

int link_fd(const struct link *l)
{
    HANDLE_IS(l, LINK_TAG);
    int fd = -1;
    size_t len = sizeof fd;
    zmq_getsockopt(l->socket, ZMQ_FD, &fd, &len);
    return fd;
}

const char *link_endpoint(const struct link *l)
{
    HANDLE_IS(l, LINK_TAG);
    return l->endpoint;
}

uint64_t link_strangers(const struct link *l)
{
    HANDLE_IS(l, LINK_TAG);
    return l->guard ? link_guard_refused(l->guard) : 0;
}

static const char *trouble_of(const struct link *l, int event, int value)
{
    if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
        return "has the key by which this worker knows it, but refuses the worker's own: get its "
               "line for workers anew, with: katydid keys join FILE";
    if (l->has_key) /* which of them, only one that is quick enough learns */
        return "does not have the key of this worker's --join: it was started without --keys, or "
               "with others; get the line for its workers with: katydid keys join FILE";
    if (value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH)
        return "takes only workers that have its key: give this worker --join LINE (on the "
               "master's machine, katydid keys join FILE prints it)";
    if (event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL)
        return "ends every connection at once: it takes only workers that have its key (give this "
               "worker --join LINE; on the master's machine, katydid keys join FILE prints it), or "
               "there is none, and something on the way answers for it";
    return "is something else than a master, or does not speak as one: is the port right?";
}

const char *link_trouble(struct link *l)
{
    HANDLE_IS(l, LINK_TAG);
    int value = 0;
    for (int event; l->events && (event = link_events_next(l->events, &value)) != 0;) {
        const bool was_cut = event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL;
        if (!was_cut || !l->trouble)
            l->trouble = trouble_of(l, event, value);
        l->is_given_up |= !was_cut;
    }
    return l->trouble;
}

uint64_t link_dropped(const struct link *l)
{
    HANDLE_IS(l, LINK_TAG);
    return l->dropped;
}

static enum link_rc send_part(struct link *l, const void *bytes, size_t len, int flags)
{
    while (zmq_send(l->socket, bytes, len, flags | ZMQ_DONTWAIT) < 0) {
        if (errno == EINTR)
            continue;
        if (errno == EAGAIN)
            return LINK_FULL;
        return errno == EHOSTUNREACH ? LINK_UNREACHABLE : LINK_ERROR;
    }
    return LINK_OK;
}

/* ZeroMQ gives an address up whose master did not agree to a handshake, and may go on to queue what
 * is sent. The master may agree later: it may be another one by then, or have other keys. */
static void connect_anew(struct link *l)
{
    link_trouble(l);
    if (!l->is_given_up)
        return;
    l->is_given_up = false;
    zmq_disconnect(l->socket, l->endpoint);
    zmq_connect(l->socket, l->endpoint);
}

enum link_rc link_send(struct link *l, const char *node, const void *bytes, size_t len)
{
    HANDLE_IS(l, LINK_TAG);
    if (l->is_router) {
        enum link_rc rc = send_part(l, node, strlen(node), ZMQ_SNDMORE);
        if (rc != LINK_OK)
            return rc;
    }
    if (l->events)
        connect_anew(l);
    return send_part(l, bytes, len, 0);
}

/* One frame. LINK_OK, LINK_EMPTY or LINK_ERROR; frame is initialised in each case. */
static enum link_rc recv_frame(struct link *l, zmq_msg_t *frame, bool *has_more)
{
    zmq_msg_init(frame);
    while (zmq_msg_recv(frame, l->socket, ZMQ_DONTWAIT) < 0) {
        if (errno == EINTR)
            continue;
        return errno == EAGAIN ? LINK_EMPTY : LINK_ERROR;
    }
    *has_more = zmq_msg_more(frame);
    return LINK_OK;
}

static bool is_name(zmq_msg_t *frame)
{
    size_t len = zmq_msg_size(frame);
    return len > 0 && !memchr(zmq_msg_data(frame), 0, len);
}

static void take_frame(struct link_message *m, zmq_msg_t *frame)
{
    m->len = zmq_msg_size(frame);
    m->bytes = mem_dup(zmq_msg_data(frame), m->len);
}

/* Of a message with more frames than Locust's have, some at a time: there may be any number. */
static enum link_rc skip_rest(struct link *l)
{
    for (int i = 0; i < SKIPPED_FRAMES && l->is_inside; i++) {
        zmq_msg_t frame;
        enum link_rc rc = recv_frame(l, &frame, &l->is_inside);
        zmq_msg_close(&frame);
        if (rc != LINK_OK)
            return rc;
    }
    return LINK_DROPPED;
}

static enum link_rc drop(struct link *l, bool has_more)
{
    l->dropped++;
    l->is_inside = has_more;
    return LINK_DROPPED;
}

/* At a worker. */
static enum link_rc recv_payload(struct link *l, struct link_message *m)
{
    zmq_msg_t payload;
    bool has_more;
    enum link_rc rc = recv_frame(l, &payload, &has_more);
    if (rc == LINK_OK)
        l->trouble = NULL;
    if (rc == LINK_OK && has_more)
        rc = drop(l, true);
    else if (rc == LINK_OK)
        take_frame(m, &payload);
    zmq_msg_close(&payload);
    return rc;
}

/* At a master. */
static enum link_rc recv_named(struct link *l, struct link_message *m)
{
    zmq_msg_t name, payload;
    bool has_more = false;
    enum link_rc rc = recv_frame(l, &name, &has_more);
    zmq_msg_init(&payload);
    if (rc == LINK_OK && has_more)
        rc = recv_frame(l, &payload, &has_more);
    else if (rc == LINK_OK)
        rc = drop(l, false);
    if (rc == LINK_OK && (has_more || !is_name(&name)))
        rc = drop(l, has_more);
    if (rc == LINK_OK) {
        m->node = mem_dup(zmq_msg_data(&name), zmq_msg_size(&name));
        take_frame(m, &payload);
    }
    zmq_msg_close(&name);
    zmq_msg_close(&payload);
    return rc;
}

enum link_rc link_recv(struct link *l, struct link_message *m)
{
    HANDLE_IS(l, LINK_TAG);
    if (l->is_inside)
        return skip_rest(l);
    *m = (struct link_message){0};
    return l->is_router ? recv_named(l, m) : recv_payload(l, m);
}

void link_message_free(struct link_message *m)
{
    free(m->node);
    free(m->bytes);
    *m = (struct link_message){0};
}
