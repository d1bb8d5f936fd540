// SPDX-License-Identifier: MIT
/* front: see front.h.
 *
 * A link is two bufferevents, client and inner. It begins with one event on the client's bare
 * socket: the first byte tells TLS from HTTP before OpenSSL sees it. Then the client's
 * bufferevent collects the request; only with that the inner connection is made. From then on
 * each side's input goes to the other side's output, and stops being read while that holds too
 * much. When the inner side ends, what is left for the client is written out first; a client may
 * end its sending before it has its answer. */
#include "master/web/front.h"

#include "common/base/clk.h"
#include "common/base/handle.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/thread.h"
#include "master/web/front_head.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOGGER "katydid.web"
#define LINK_BYTES_MAX 65536
#define HEAD_BYTES_MAX 16384
#define STOP_MS 100 /* for what is on its way */
#define FRONT_LINGER_S 2
#define FRONT_NICE 5

struct connection {
    struct front *front;
    struct bufferevent *client, *inner; /* NULL: not yet */
    struct event *first;                /* the bare socket, until its first byte */
    struct event *deadline;             /* of the arrival of the request */
    struct front_head head;
    bool has_head, is_continued;
    bool is_stalled;       /* its answer waits in civetweb, for the client to take what is here */
    uint64_t moved_ns;     /* when the client last took, or sent, something */
    long long upload_left; /* of a body that is passed on as it comes */
    size_t held;           /* bytes of the answer that the client has not taken */
    int fd;                /* the bare socket; -1 once client owns it */
    char address[INET6_ADDRSTRLEN];
    bool is_ending; /* one side ended: flush the other */
    struct connection *next, *before;
};

#define FRONT_TAG 0x66726f6eu /* "fron" */

struct front {
    uint32_t tag; /* handle.h */
    struct event_base *base;
    struct evconnlistener *listener;
    struct event *stop, *look;
    int stop_fd;
    SSL_CTX *tls;
    struct front_files *files; /* NULL: plain */
    struct sockaddr_in inner;
    char secret[64];
    struct connection *links, *oldest;
    unsigned count, uploads, stalled;
    size_t held; /* of all links */
    bool is_stopping;
    pthread_t thread;
};

/* -- the life of a link -- */

static void link_free(struct connection *l)
{
    struct front *f = l->front;
    if (l->first != NULL)
        event_free(l->first);
    if (l->deadline != NULL)
        event_free(l->deadline);
    if (l->client != NULL)
        bufferevent_free(l->client);
    if (l->inner != NULL)
        bufferevent_free(l->inner);
    if (l->fd >= 0)
        close(l->fd);
    if (l->before != NULL)
        l->before->next = l->next;
    else
        f->links = l->next;
    if (l->next != NULL)
        l->next->before = l->before;
    else
        f->oldest = l->before;
    f->count--;
    f->uploads -= l->upload_left > 0;
    f->stalled -= l->is_stalled;
    f->held -= l->held;
    free(l);
    if (f->is_stopping && f->links == NULL)
        event_base_loopbreak(f->base);
}

static struct bufferevent *other(const struct connection *l, const struct bufferevent *side)
{
    return side == l->client ? l->inner : l->client;
}

static size_t waiting(struct bufferevent *side)
{
    return evbuffer_get_length(bufferevent_get_output(side));
}

static const struct timeval ARRIVAL = {.tv_sec = FRONT_ARRIVAL_S};
static const struct timeval STALL = {.tv_sec = FRONT_STALL_S};
static const struct timeval IDLE = {.tv_sec = FRONT_IDLE_S};

static void note_held(struct connection *l)
{
    size_t held = waiting(l->client);
    l->front->held += held - l->held;
    l->held = held;
}

static void note_upload(struct connection *l, size_t len)
{
    if (l->upload_left <= 0)
        return;
    l->upload_left -= (long long)len;
    if (l->upload_left > 0)
        return;
    l->front->uploads--;
    bufferevent_set_timeouts(l->client, &IDLE, &STALL);
}

/* How much may wait for a side. A socket's writer is to notice that its viewer is slow. */
static size_t room_for(const struct connection *l, const struct bufferevent *to)
{
    bool is_answer = to == l->client && !l->head.is_upgrade;
    return is_answer && l->front->held < FRONT_HELD_MAX ? FRONT_ANSWER_MAX : LINK_BYTES_MAX;
}

static void note_stalled(struct connection *l, bool is_stalled)
{
    if (l->head.is_upgrade || l->is_stalled == is_stalled)
        return;
    l->front->stalled += is_stalled ? 1 : -1;
    l->is_stalled = is_stalled;
}

static bool is_uploading(const struct connection *l)
{
    return l->upload_left > 0 && clk_mono_ns() - l->moved_ns > FRONT_PAUSE_MS * UINT64_C(1000000);
}

static bool is_stalling(const struct connection *l)
{
    return l->is_stalled;
}

/* Of those that `fits`, the one that moved nothing for longest; NULL none. */
static struct connection *slowest(const struct front *f, bool (*fits)(const struct connection *l))
{
    struct connection *found = NULL;
    for (struct connection *l = f->links; l != NULL; l = l->next)
        if (fits(l) && (found == NULL || l->moved_ns < found->moved_ns))
            found = l;
    return found;
}

static void on_taken(struct evbuffer *out, const struct evbuffer_cb_info *info, void *arg)
{
    struct connection *l = arg;
    (void)out;
    if (info->n_deleted > 0)
        l->moved_ns = clk_mono_ns();
}

/* What one side sent goes to the other; too much on the way stops the reading. */
static void on_read(struct bufferevent *side, void *arg)
{
    struct connection *l = arg;
    struct bufferevent *to = other(l, side);
    if (to == NULL)
        return;
    struct evbuffer *in = bufferevent_get_input(side);
    if (side == l->client) {
        l->moved_ns = clk_mono_ns();
        note_upload(l, evbuffer_get_length(in));
    }
    bufferevent_write_buffer(to, in);
    note_held(l);
    if (waiting(to) <= room_for(l, to))
        return;
    bufferevent_disable(side, EV_READ);
    if (side != l->inner)
        return;
    note_stalled(l, true);
    if (l->front->stalled > FRONT_STALLED_MAX)
        link_free(slowest(l->front, is_stalling));
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    link_free(arg);
}

static void on_early_end(struct bufferevent *side, short what, void *arg)
{
    (void)side;
    if ((what & BEV_EVENT_CONNECTED) == 0)
        link_free(arg);
}

static void on_rest(struct bufferevent *side, void *arg)
{
    (void)arg;
    evbuffer_drain(bufferevent_get_input(side), SIZE_MAX);
}

/* The client has its answer. Where it is still sending, the kernel would cut the answer off when
 * the socket closes on unread bytes: those are read first. */
static void finish(struct connection *l)
{
    static const struct timeval linger = {.tv_sec = FRONT_LINGER_S};
    bool is_sending = l->upload_left > 0 || l->head.is_chunked || l->inner == NULL;
    if (!is_sending || l->deadline != NULL) {
        link_free(l);
        return;
    }
    l->deadline = event_new(l->front->base, -1, 0, on_deadline, l);
    if (l->deadline == NULL || event_add(l->deadline, &linger) < 0) {
        link_free(l);
        return;
    }
    bufferevent_setcb(l->client, on_rest, NULL, on_early_end, l);
    if (l->front->tls == NULL)
        shutdown(bufferevent_getfd(l->client), SHUT_WR);
    on_rest(l->client, l);
    bufferevent_enable(l->client, EV_READ);
}

static void on_written(struct bufferevent *side, void *arg)
{
    struct connection *l = arg;
    note_held(l);
    if (l->is_ending) {
        if (side == l->client)
            finish(l);
        return;
    }
    if (side == l->inner && l->head.is_chunked) {
        shutdown(bufferevent_getfd(side), SHUT_WR);
        return;
    }
    struct bufferevent *from = other(l, side);
    if (side == l->client)
        note_stalled(l, false);
    if (from != NULL)
        bufferevent_enable(from, EV_READ);
}

static void on_side_event(struct bufferevent *side, short what, void *arg)
{
    struct connection *l = arg;
    struct bufferevent *to = other(l, side);
    if (what & BEV_EVENT_CONNECTED)
        return;
    if ((what & BEV_EVENT_EOF) != 0 && side == l->client && to != NULL && !l->head.is_upgrade &&
        l->upload_left <= 0) {
        bufferevent_disable(side, EV_READ); /* it has asked, and waits for its answer */
        return;
    }
    bool is_end = (what & BEV_EVENT_EOF) != 0 && side == l->inner && to != NULL && !l->is_ending;
    if (!is_end) {
        link_free(l);
        return;
    }
    bufferevent_write_buffer(to, bufferevent_get_input(side));
    note_held(l);
    note_stalled(l, false);
    l->is_ending = true;
    bufferevent_disable(side, EV_READ | EV_WRITE);
    bufferevent_disable(to, EV_READ);
    if (waiting(to) == 0)
        finish(l);
}

/* -- the request -- */

/* Answers by itself, and lets the client read it before the end. */
static void refuse(struct connection *l, const char *status, const char *text)
{
    struct evbuffer *out = bufferevent_get_output(l->client);
    l->is_ending = true;
    evbuffer_drain(bufferevent_get_input(l->client), SIZE_MAX);
    bufferevent_disable(l->client, EV_READ);
    bufferevent_setcb(l->client, NULL, on_written, on_side_event, l);
    bufferevent_set_timeouts(l->client, NULL, &STALL);
    evbuffer_add_printf(out,
                        "HTTP/1.1 %s\r\nContent-Type: text/plain; charset=utf-8\r\n"
                        "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
                        status, strlen(text), text);
}

static bool open_inner(struct connection *l)
{
    l->inner = bufferevent_socket_new(l->front->base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (l->inner == NULL)
        return false;
    bufferevent_setcb(l->inner, on_read, on_written, on_side_event, l);
    bufferevent_setcb(l->client, on_read, on_written, on_side_event, l);
    l->moved_ns = clk_mono_ns();
    evbuffer_add_cb(bufferevent_get_output(l->client), on_taken, l);
    bufferevent_setwatermark(l->client, EV_READ, 0, LINK_BYTES_MAX);
    bufferevent_setwatermark(l->inner, EV_READ, 0, LINK_BYTES_MAX);
    return true;
}

static long long upload_left(const struct connection *l, long long there)
{
    const struct front_head *h = &l->head;
    long long left = (long long)h->head_len + h->body_len - there;
    return h->body_len > 0 && !h->is_chunked && left > 0 ? left : 0;
}

/* The rest of the head goes on, the body does not: civetweb, which refuses it, would wait for its
 * end (on_written tells it that there is none). */
static void drop_body(struct connection *l, struct evbuffer *in)
{
    evbuffer_remove_buffer(in, bufferevent_get_output(l->inner),
                           l->head.head_len - l->head.line_len);
    evbuffer_drain(in, SIZE_MAX);
    bufferevent_disable(l->client, EV_READ);
}

static void pass_on(struct connection *l)
{
    struct front *f = l->front;
    struct evbuffer *in = bufferevent_get_input(l->client);
    char header[256];
    event_free(l->deadline);
    l->deadline = NULL;
    long long left = upload_left(l, (long long)evbuffer_get_length(in));
    if (left > 0 && f->uploads >= FRONT_UPLOADS_MAX) {
        struct connection *idle = slowest(f, is_uploading);
        if (idle != NULL)
            link_free(idle);
    }
    if (left > 0 && f->uploads >= FRONT_UPLOADS_MAX) {
        refuse(l, "503 Service Unavailable", "Too many uploads at once; try again in a moment.\n");
        return;
    }
    if (!open_inner(l)) {
        link_free(l);
        return;
    }
    l->upload_left = left;
    f->uploads += left > 0;
    bufferevent_set_timeouts(l->client, l->upload_left > 0 ? &ARRIVAL : &IDLE, &STALL);
    snprintf(header, sizeof header, FRONT_HEADER ": %s %s\r\n", f->secret, l->address);
    evbuffer_remove_buffer(in, bufferevent_get_output(l->inner), l->head.line_len);
    bufferevent_write(l->inner, header, strlen(header));
    if (l->head.is_chunked)
        drop_body(l, in);
    bufferevent_write_buffer(l->inner, in);
    bufferevent_enable(l->inner, EV_READ | EV_WRITE);
    if (bufferevent_socket_connect(l->inner, (struct sockaddr *)&f->inner, sizeof f->inner) < 0)
        link_free(l);
}

/* A head that is too long is civetweb's to refuse: it needs its first line only. */
static bool take_head(struct connection *l, struct evbuffer *in)
{
    size_t len = evbuffer_get_length(in);
    const char *bytes = (const char *)evbuffer_pullup(in, -1);
    if (bytes == NULL)
        return false;
    l->has_head = front_head_read(bytes, len, &l->head);
    if (l->has_head || len <= HEAD_BYTES_MAX)
        return l->has_head;
    const char *end = memchr(bytes, '\n', len);
    l->head.line_len = end != NULL ? (size_t)(end - bytes) + 1 : 0;
    l->has_head = true;
    return true;
}

static void on_arrival(struct bufferevent *side, void *arg)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct connection *l = arg;
    struct evbuffer *in = bufferevent_get_input(side);
    if (!l->has_head && !take_head(l, in))
        return;
    const struct front_head *h = &l->head;
    if (h->line_len == 0)
        link_free(l);
    else if (h->is_chunked || h->body_len > FRONT_BODY_MAX ||
             evbuffer_get_length(in) >= h->head_len + (size_t)h->body_len)
        pass_on(l);
    else if (h->expects && !l->is_continued) {
        l->is_continued = true;
        bufferevent_write(side, go_on, sizeof go_on - 1);
    }
}

static void refuse_plain(struct connection *l)
{
    static const char text[] =
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Length: 57\r\nConnection: close\r\n\r\n"
        "This port speaks HTTPS: write https:// in the address.\r\n\n";
    ssize_t sent = send(l->fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    char rest[4096]; /* unread bytes would make the kernel cut the answer off */
    while (sent > 0 && recv(l->fd, rest, sizeof rest, MSG_DONTWAIT) > 0)
        ;
    shutdown(l->fd, SHUT_WR);
    link_free(l);
}

static bool open_client(struct connection *l)
{
    struct front *f = l->front;
    SSL *ssl = f->tls != NULL ? SSL_new(f->tls) : NULL;
    if (f->tls != NULL && ssl == NULL)
        return false;
    l->client = ssl != NULL
                    ? bufferevent_openssl_socket_new(f->base, l->fd, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                                     BEV_OPT_CLOSE_ON_FREE)
                    : bufferevent_socket_new(f->base, l->fd, BEV_OPT_CLOSE_ON_FREE);
    if (l->client == NULL) {
        SSL_free(ssl);
        return false;
    }
    l->fd = -1;
    if (ssl != NULL)
        bufferevent_openssl_set_allow_dirty_shutdown(l->client, 1);
    bufferevent_setcb(l->client, on_arrival, NULL, on_early_end, l);
    return bufferevent_enable(l->client, EV_READ | EV_WRITE) == 0;
}

static void on_first_byte(evutil_socket_t fd, short what, void *arg)
{
    struct connection *l = arg;
    unsigned char byte;
    (void)what;
    ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n <= 0 && (n == 0 || errno != EAGAIN)) {
        link_free(l);
        return;
    }
    if (n < 0) {
        event_add(l->first, NULL);
        return;
    }
    if (l->front->tls != NULL && byte != 22) /* no TLS handshake record */
        refuse_plain(l);
    else if (!open_client(l))
        link_free(l);
}

static void name_client(struct connection *l, const struct sockaddr *from)
{
    const void *address = from->sa_family == AF_INET6
                              ? (const void *)&((const struct sockaddr_in6 *)from)->sin6_addr
                              : (const void *)&((const struct sockaddr_in *)from)->sin_addr;
    if (inet_ntop(from->sa_family, address, l->address, sizeof l->address) == NULL)
        snprintf(l->address, sizeof l->address, "unknown");
}

/* The oldest one that has not asked yet, or does not take its answer, goes. */
static bool make_room(struct front *f)
{
    for (struct connection *l = f->oldest; l != NULL; l = l->before) {
        if (l->inner == NULL || l->is_ending) {
            link_free(l);
            return true;
        }
    }
    return false;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
                      int from_len, void *arg)
{
    struct front *f = arg;
    (void)listener;
    (void)from_len;
    if (f->count >= FRONT_CONNECTIONS_MAX && !make_room(f)) {
        close(fd);
        return;
    }
    struct connection *l = mem_zalloc(sizeof *l);
    l->front = f;
    l->fd = fd;
    l->next = f->links;
    if (l->next != NULL)
        l->next->before = l;
    else
        f->oldest = l;
    f->links = l;
    f->count++;
    name_client(l, from);
    l->first = event_new(f->base, fd, EV_READ, on_first_byte, l);
    l->deadline = event_new(f->base, -1, 0, on_deadline, l);
    if (l->first == NULL || l->deadline == NULL || event_add(l->first, NULL) < 0 ||
        event_add(l->deadline, &ARRIVAL) < 0)
        link_free(l);
}

/* Out of descriptors: somebody goes, or, without a pause, the loop would spin. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
    (void)listener;
    if (make_room(arg))
        return;
    log_warning(LOGGER, "A connection to the page could not be accepted: %s", strerror(errno));
    usleep(100000);
}

/* -- the thread -- */

/* Connections that are there keep what they began with. */
static void on_look(evutil_socket_t fd, short what, void *arg)
{
    struct front *f = arg;
    (void)fd;
    (void)what;
    SSL_CTX *fresh = front_files_look(f->files);
    if (fresh == NULL)
        return;
    SSL_CTX_free(f->tls);
    f->tls = fresh;
}

static bool watch_files(struct front *f, const struct front_config *c)
{
    static const struct timeval every = {.tv_sec = FRONT_LOOK_S};
    if (c->cert == NULL)
        return true;
    f->files = front_files_new(c->cert, c->key);
    f->look = event_new(f->base, -1, EV_PERSIST, on_look, f);
    return f->look != NULL && event_add(f->look, &every) == 0;
}

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
    static const struct timeval moment = {.tv_usec = STOP_MS * 1000};
    struct front *f = arg;
    uint64_t count;
    (void)what;
    (void)!read(fd, &count, sizeof count);
    f->is_stopping = true;
    evconnlistener_disable(f->listener);
    while (make_room(f))
        ;
    if (f->links == NULL)
        event_base_loopbreak(f->base);
    else
        event_base_loopexit(f->base, &moment);
}

/* Whoever looks on must not slow the test down: the main thread comes first. */
static void *run(void *arg)
{
    struct front *f = arg;
    setpriority(PRIO_PROCESS, (id_t)gettid(), FRONT_NICE);
    event_base_dispatch(f->base);
    while (f->links != NULL)
        link_free(f->links);
    return NULL;
}

static void release(struct front *f)
{
    if (f->listener != NULL)
        evconnlistener_free(f->listener);
    if (f->stop != NULL)
        event_free(f->stop);
    if (f->look != NULL)
        event_free(f->look);
    front_files_free(f->files);
    if (f->stop_fd >= 0)
        close(f->stop_fd);
    if (f->base != NULL)
        event_base_free(f->base);
    SSL_CTX_free(f->tls);
    HANDLE_ENDS(f);
    free(f);
}

struct front *front_start(const struct front_config *c)
{
    struct front *f = mem_zalloc(sizeof *f);
    HANDLE_MADE(f, FRONT_TAG);
    f->tls = c->tls;
    f->inner = (struct sockaddr_in){.sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)c->inner_port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    snprintf(f->secret, sizeof f->secret, "%s", c->secret);
    f->base = event_base_new();
    f->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    evutil_make_socket_nonblocking(c->fd);
    if (f->base != NULL)
        f->listener = evconnlistener_new(f->base, on_accept, f,
                                         LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, c->fd);
    if (f->listener == NULL)
        close(c->fd);
    else
        evconnlistener_set_error_cb(f->listener, on_accept_error);
    if (f->listener != NULL && f->stop_fd >= 0)
        f->stop = event_new(f->base, f->stop_fd, EV_READ, on_stop, f);
    if (f->stop != NULL && event_add(f->stop, NULL) == 0 && watch_files(f, c) &&
        thread_start(&f->thread, run, f))
        return f;
    release(f);
    return NULL;
}

void front_stop(struct front *f)
{
    uint64_t one = 1;
    if (f == NULL)
        return;
    HANDLE_IS(f, FRONT_TAG);
    while (write(f->stop_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
    pthread_join(f->thread, NULL);
    release(f);
}
