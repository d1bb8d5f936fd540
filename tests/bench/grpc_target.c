// SPDX-License-Identifier: MIT
/* grpc_target: a gRPC server for `make bench`, by nghttp2, quick enough not to be what is measured.
 *
 *   grpc_target MESSAGE      in hexadecimal: what each call is answered with; prints its port
 *
 * An answer goes out as servers of gRPC send it (grpc-go, grpcio): head, message and status in one
 * segment. Streams that end without a message get status 13. GET /count, by HTTP/1.1 on the same
 * port, says how many calls had their answer. One thread.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/sbuf.h"

#define PREFIX 5u

struct client {
    int fd;
    nghttp2_session *session; /* NULL: nothing has come yet */
    struct sbuf out;          /* what the socket had no room for */
};

static uint8_t message[PREFIX + 255];
static size_t message_len;
static int poll_fd;
static unsigned long long count;

#define FIELD(name, value)                                                                         \
    {                                                                                              \
        (uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), sizeof(name) - 1,             \
            sizeof(value) - 1, NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE        \
    }
static const nghttp2_nv head[] = {FIELD(":status", "200"),
                                  FIELD("content-type", "application/grpc")};
static const nghttp2_nv good[] = {FIELD("grpc-status", "0"), FIELD("grpc-message", "")};
static const nghttp2_nv bad[] = {FIELD(":status", "200"), FIELD("content-type", "application/grpc"),
                                 FIELD("grpc-status", "13")};

/* ---- nghttp2's calls ------------------------------------------------------------------------ */

static ssize_t give_message(nghttp2_session *session, int32_t id, uint8_t *to, size_t len,
                            uint32_t *flags, nghttp2_data_source *source, void *arg)
{
    (void)source, (void)arg;
    if (len < message_len)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    memcpy(to, message, message_len);
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    nghttp2_submit_trailer(session, id, good, sizeof good / sizeof *good);
    return (ssize_t)message_len;
}

/* A stream's user data is how many bytes of its request have come. */
static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
                   size_t len, void *arg)
{
    (void)flags, (void)bytes, (void)arg;
    char *had = nghttp2_session_get_stream_user_data(session, id);
    nghttp2_session_set_stream_user_data(session, id, had + len);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    static const nghttp2_data_provider body = {.read_callback = give_message};
    const int32_t id = frame->hd.stream_id;
    (void)arg;
    if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) ||
        !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    if ((uintptr_t)nghttp2_session_get_stream_user_data(session, id) < PREFIX)
        nghttp2_submit_response(session, id, bad, sizeof bad / sizeof *bad, NULL);
    else
        nghttp2_submit_response(session, id, head, sizeof head / sizeof *head, &body);
    count++;
    return 0;
}

static void open_session(struct client *c)
{
    static nghttp2_session_callbacks *calls;
    if (!calls) {
        if (nghttp2_session_callbacks_new(&calls) != 0)
            exit(1);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_data);
        nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
    }
    if (nghttp2_session_server_new(&c->session, calls, c) != 0 ||
        nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, NULL, 0) != 0)
        exit(1);
}

/* ---- connections ---------------------------------------------------------------------------- */

static void watch(struct client *c, int how, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = c};
    if (epoll_ctl(poll_fd, how, c->fd, &e) != 0)
        exit(1);
}

static void drop(struct client *c)
{
    nghttp2_session_del(c->session);
    sbuf_fini(&c->out);
    close(c->fd);
    free(c);
}

/* False: it is gone. */
static bool send_out(struct client *c)
{
    const uint8_t *bytes;
    ssize_t n;
    while ((n = nghttp2_session_mem_send(c->session, &bytes)) > 0)
        sbuf_add(&c->out, bytes, (size_t)n);
    if (n < 0 || !c->out.len)
        return n == 0;
    n = send(c->fd, c->out.data, c->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) { /* less: a reset, which is read, or no room */
        c->out.len -= (size_t)n;
        memmove(c->out.data, c->out.data + n, c->out.len);
    }
    return true;
}

static void say_count(const struct client *c)
{
    char body[32], answer[128];
    const int n = snprintf(body, sizeof body, "%llu", count);
    const int len =
        snprintf(answer, sizeof answer,
                 "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", n, body);
    send(c->fd, answer, (size_t)len, MSG_NOSIGNAL);
}

/* False: it is gone. */
static bool hear(struct client *c)
{
    static uint8_t in[65536];
    const ssize_t n = recv(c->fd, in, sizeof in, MSG_DONTWAIT);
    if (n <= 0)
        return false;
    if (!c->session && n >= 4 && !memcmp(in, "GET ", 4)) {
        say_count(c);
        return false;
    }
    if (!c->session)
        open_session(c);
    return nghttp2_session_mem_recv(c->session, in, (size_t)n) == n && send_out(c);
}

static void accept_all(int listener)
{
    const int on = 1;
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
        struct client *c = mem_zalloc(sizeof *c);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        c->fd = fd;
        watch(c, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static void turn(struct client *c, uint32_t events)
{
    const bool was_full = c->out.len;
    bool is_there = !(events & EPOLLOUT) || send_out(c);
    if (is_there && events & ~(uint32_t)EPOLLOUT)
        is_there = hear(c);
    if (!is_there)
        drop(c);
    else if (was_full != (c->out.len > 0))
        watch(c, EPOLL_CTL_MOD, EPOLLIN | (was_full ? 0 : EPOLLOUT));
}

static int listen_somewhere(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) != 0)
        exit(1);
    printf("%d\n", ntohs(a.sin_port));
    fflush(stdout);
    return fd;
}

static void read_message(const char *hex)
{
    unsigned byte;
    for (; message_len < sizeof message - PREFIX && sscanf(hex, "%2x", &byte) == 1; hex += 2)
        message[PREFIX + message_len++] = (uint8_t)byte;
    message[PREFIX - 1] = (uint8_t)message_len;
    message_len += PREFIX;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    read_message(argc > 1 ? argv[1] : "");
    poll_fd = epoll_create1(0);
    struct client listener = {.fd = listen_somewhere()};
    watch(&listener, EPOLL_CTL_ADD, EPOLLIN);
    for (;;) {
        struct epoll_event events[256];
        const int n = epoll_wait(poll_fd, events, 256, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == &listener)
                accept_all(listener.fd);
            else
                turn(events[i].data.ptr, events[i].events);
        }
    }
}
