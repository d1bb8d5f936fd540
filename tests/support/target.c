// SPDX-License-Identifier: MIT
/* target: an HTTP server that knows exactly what it did, to check a load generator against.
 *
 *   target [--port N] [--address A] [--arrivals FILE]
 *       prints "target listening on http://A:PORT"; writes when each request was received into
 *       that file, whole when it ends: 8 bytes each, nanoseconds of the wall clock
 *
 *   GET|POST /…              12 bytes at once
 *   /delay/MS                answers after exactly MS milliseconds
 *   /bimodal                 answers after 20 ms; every eighth request after 200 ms, so that no
 * percentile that is looked at stands on the step /json                    a 200-byte JSON document
 *   /status/CODE             that status
 *   /hang                    never answers
 *   /__log                   {"requests", "answered", "p50".."p99" in ms}: its own log; not counted
 * itself
 *   /__reset                 empties the log
 *
 * A request is counted when it was read; its time runs from the kernel's receipt of its last byte
 * to the write of the answer, in the same histogram type as Katydid's: when this process is late,
 * the answer is, and the log says so. Timers are precise (timerfd). One thread; ends by SIGTERM.
 */
#include <arpa/inet.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clk.h"
#include "common/metric/hist.h"
#include "worker/net/sock.h"

#define HEAD_MAX 2048

struct client {
    int fd;
    struct event *readable, *timer;
    char in[HEAD_MAX];
    size_t have;
    uint64_t received_ns; /* wall clock, as the kernel stamps */
    char answer[512];
    size_t answer_len;
    bool is_logged;
};

static struct event_base *base;
static struct hist served;
static uint64_t requests, answered;
static FILE *arrivals;

static void client_free(struct client *c)
{
    event_free(c->readable);
    event_free(c->timer);
    close(c->fd);
    free(c);
}

static void format_answer(struct client *c, int status, const char *type, const char *body)
{
    c->answer_len =
        (size_t)snprintf(c->answer, sizeof c->answer,
                         "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s",
                         status, status < 400 ? "OK" : "Error", type, strlen(body), body);
}

static void send_answer(struct client *c)
{
    if (c->is_logged) {
        answered++;
        hist_add(&served, (clk_wall_ns() - c->received_ns) / 1000, 1);
    }
    /* Answers are small and one at a time: the socket buffer takes them whole. */
    if (write(c->fd, c->answer, c->answer_len) != (ssize_t)c->answer_len)
        shutdown(c->fd, SHUT_RDWR);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    send_answer(arg);
}

static void answer_after(struct client *c, double ms)
{
    if (ms <= 0) {
        send_answer(c);
        return;
    }
    struct timeval t = {(time_t)(ms / 1000), (suseconds_t)((long)(ms * 1000) % 1000000)};
    event_add(c->timer, &t);
}

static void answer_log(struct client *c)
{
    char body[320];
    snprintf(
        body, sizeof body,
        "{\"requests\": %llu, \"answered\": %llu, \"p50\": %.3f, \"p90\": %.3f, \"p95\": %.3f, "
        "\"p99\": %.3f}",
        (unsigned long long)requests, (unsigned long long)answered,
        (double)hist_quantile_us(&served, 0.50) / 1e3,
        (double)hist_quantile_us(&served, 0.90) / 1e3,
        (double)hist_quantile_us(&served, 0.95) / 1e3,
        (double)hist_quantile_us(&served, 0.99) / 1e3);
    c->is_logged = false;
    format_answer(c, 200, "application/json", body);
    send_answer(c);
}

static void answer_json(struct client *c)
{
    static const char json[] = "{\"id\": 4711, \"name\": \"Folding chair\", \"price\": 12.5, "
                               "\"tags\": [\"garden\", \"wood\", "
                               "\"sale\"], \"stock\": {\"berlin\": 12, \"lyon\": 0, \"porto\": 7}, "
                               "\"description\": \"Light, "
                               "strong and quickly stowed away\"  }";
    format_answer(c, 200, "application/json", json);
    send_answer(c);
}

static void handle(struct client *c, const char *path)
{
    c->is_logged = true;
    if (strncmp(path, "/__log", 6) == 0) {
        answer_log(c);
        return;
    }
    if (strncmp(path, "/__reset", 8) == 0) {
        hist_clear(&served);
        requests = answered = 0;
        c->is_logged = false;
        format_answer(c, 200, "text/plain", "ok");
        send_answer(c);
        return;
    }
    requests++;
    if (arrivals)
        fwrite(&c->received_ns, sizeof c->received_ns, 1, arrivals);
    if (strncmp(path, "/json", 5) == 0) {
        answer_json(c);
        return;
    }
    if (strncmp(path, "/hang", 5) == 0)
        return;
    int status = strncmp(path, "/status/", 8) == 0 ? atoi(path + 8) : 200;
    format_answer(c, status, "text/plain", "Hello there\n");
    double ms = 0;
    if (strncmp(path, "/delay/", 7) == 0)
        ms = atof(path + 7);
    else if (strncmp(path, "/bimodal", 8) == 0)
        ms = requests % 8 == 0 ? 200 : 20;
    answer_after(c, ms);
}

/* Handles every complete request in the buffer; bodies are skipped by Content-Length. */
static void handle_input(struct client *c)
{
    for (;;) {
        c->in[c->have] = 0;
        char *end = strstr(c->in, "\r\n\r\n");
        if (!end)
            return;
        size_t body = 0;
        for (char *line = strstr(c->in, "\r\n"); line && line < end;
             line = strstr(line + 2, "\r\n"))
            if (strncasecmp(line + 2, "content-length:", 15) == 0)
                body = strtoul(line + 17, NULL, 10);
        size_t whole = (size_t)(end + 4 - c->in) + body;
        if (c->have < whole)
            return;
        char *path = strchr(c->in, ' ');
        char copy[128] = "/";
        if (path && path < end) {
            size_t n = strcspn(path + 1, " \r");
            snprintf(copy, sizeof copy, "%.*s", (int)(n < 127 ? n : 127), path + 1);
        }
        memmove(c->in, c->in + whole, c->have - whole);
        c->have -= whole;
        handle(c, copy);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct client *c = arg;
    (void)what;
    struct stream s = {.fd = fd};
    long n = sock_read(&s, c->in + c->have, sizeof c->in - 1 - c->have);
    if (n == STREAM_AGAIN)
        return;
    if (n <= 0) {
        client_free(c);
        return;
    }
    c->received_ns = s.arrived_wall_ns ? s.arrived_wall_ns : clk_wall_ns();
    c->have += (size_t)n;
    handle_input(c);
}

static void on_accept(evutil_socket_t listener, short what, void *arg)
{
    (void)what, (void)arg;
    for (;;) {
        int fd = accept4((int)listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
        struct client *c = calloc(1, sizeof *c);
        c->fd = fd;
        c->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, c);
        c->timer = evtimer_new(base, on_timer, c);
        event_add(c->readable, NULL);
    }
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
    (void)sig, (void)what, (void)arg;
    event_base_loopbreak(base);
}

static int listen_on(const char *address, int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t len = sizeof a;
    if (inet_pton(AF_INET, address, &a.sin_addr) != 1 ||
        bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 16384) != 0) {
        perror("target: cannot listen");
        exit(1);
    }
    getsockname(fd, (struct sockaddr *)&a, &len);
    printf("target listening on http://%s:%d\n", address, ntohs(a.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv)
{
    const char *address = "127.0.0.1";
    int port = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--port") == 0)
            port = atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--address") == 0)
            address = argv[i + 1];
        else if (strcmp(argv[i], "--arrivals") == 0 && !(arrivals = fopen(argv[i + 1], "wb"))) {
            perror("target: cannot write arrivals");
            return 1;
        }
    }
    signal(SIGPIPE, SIG_IGN);
    hist_init(&served);
    struct event_config *config = event_config_new();
    event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
    base = event_base_new_with_config(config);
    event_config_free(config);
    int fd = listen_on(address, port);
    struct event *accepting = event_new(base, fd, EV_READ | EV_PERSIST, on_accept, NULL);
    struct event *term = evsignal_new(base, SIGTERM, on_signal, NULL);
    event_add(accepting, NULL);
    event_add(term, NULL);
    event_base_dispatch(base);
    event_free(accepting);
    event_free(term);
    close(fd);
    return arrivals && fclose(arrivals) != 0;
}
