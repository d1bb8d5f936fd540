// SPDX-License-Identifier: MIT
/* sse_target: a server of event streams for `make bench`, quick enough not to be what is measured.
 *
 *   sse_target [PER_S]       events a second on each connection (10); prints its port
 *
 * GET /count says how many events were sent to how many streams; any other path is a stream. Sends
 * are spread evenly over the streams; each event says when it was sent (CLOCK_MONOTONIC, s). One
 * thread.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clk.h"

#define STREAMS_MOST 100000
#define BURST_MOST 1000
#define HEAD                                                                                       \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

static int streams[STREAMS_MOST], at_of[STREAMS_MOST];
static int stream_count, poll_fd;
static unsigned long long sent, late;

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

static void watch(int fd)
{
    struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP, .data.fd = fd};
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &e) != 0)
        exit(1);
}

static void accept_all(int listener)
{
    const int on = 1;
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
        if (fd >= STREAMS_MOST)
            exit(1);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        at_of[fd] = -1;
        watch(fd);
    }
}

static void drop(int fd)
{
    const int at = at_of[fd];
    if (at >= 0) {
        streams[at] = streams[--stream_count];
        at_of[streams[at]] = at;
        at_of[fd] = -1;
    }
    close(fd);
}

static void count(int fd)
{
    char body[128], answer[256];
    const int n = snprintf(body, sizeof body, "{\"sent\": %llu, \"late\": %llu, \"streams\": %d}",
                           sent, late, stream_count);
    const int len = snprintf(answer, sizeof answer,
                             "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n"
                             "Content-Type: application/json\r\n\r\n%s",
                             n, body);
    if (send(fd, answer, (size_t)len, MSG_NOSIGNAL) != len)
        drop(fd);
}

static void hear(int fd)
{
    char asked[4096];
    const ssize_t n = recv(fd, asked, sizeof asked - 1, 0);
    if (n <= 0) {
        drop(fd);
        return;
    }
    if (n >= 10 && !memcmp(asked, "GET /count", 10)) {
        count(fd);
        return;
    }
    if (at_of[fd] < 0 && send(fd, HEAD, sizeof HEAD - 1, MSG_NOSIGNAL) > 0) {
        at_of[fd] = stream_count;
        streams[stream_count++] = fd;
    }
}

static void send_event(int fd)
{
    char event[128], chunk[160];
    const int n = snprintf(event, sizeof event, "event: tick\nid: %llu\ndata: {\"sent\": %.6f}\n\n",
                           sent, (double)clk_mono_ns() / 1e9);
    const int len = snprintf(chunk, sizeof chunk, "%x\r\n%s\r\n", (unsigned)n, event);
    if (send(fd, chunk, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT) == len)
        sent++;
    else
        late++;
}

int main(int argc, char **argv)
{
    const double per_s = argc > 1 ? strtod(argv[1], NULL) : 10;
    struct rlimit files = {STREAMS_MOST, STREAMS_MOST};
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    poll_fd = epoll_create1(0);
    const int listener = listen_somewhere();
    watch(listener);
    double due = 0;
    int next = 0;
    for (uint64_t last = clk_mono_ns();;) {
        struct epoll_event events[256];
        const int n = epoll_wait(poll_fd, events, 256, 1);
        for (int i = 0; i < n; i++)
            events[i].data.fd == listener ? accept_all(listener) : hear(events[i].data.fd);
        const uint64_t now = clk_mono_ns();
        due += (double)(now - last) / 1e9 * per_s * stream_count;
        last = now;
        due = due < BURST_MOST ? due : BURST_MOST; /* what it cannot send in time is not sent */
        for (; due >= 1 && stream_count; due--)
            send_event(streams[next++ % stream_count]);
    }
}
