// SPDX-License-Identifier: MIT
/* bench_fetch: processor time per request of the HTTP engine alone, to hold beside wrk's.
 *
 *   bench_fetch [-c connections] [-d seconds] [-t read_timeout_ms] [-k] [-2]
 * http[s]://host:port/path
 *
 * A closed loop on that many connections: each answer starts the next request. -k verifies no
 * certificate, -2 speaks HTTP/2 without asking. Prints requests, requests per second, processor
 * time (user and system) per request and failures. Pin it and the server to different cores to
 * compare.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/clk.h"
#include "worker/http1/http1.h"
#include "worker/http2/http2.h"
#include "worker/proto/client.h"

struct user {
    struct fetch *fetch;
    struct fetch_pool *pool;
};

static struct event_base *base;
static const struct fetch_origin *origin;
static struct fetch_request request;
static unsigned long done_count, failed_count;
static bool is_over;

static void next(struct user *u);

static void on_done(void *arg, enum fetch_event what)
{
    (void)what;
    struct user *u = arg;
    const struct fetch_response *r = fetch_response(u->fetch);
    done_count++;
    if (r->error != FETCH_OK || r->status != 200) {
        if (!failed_count++)
            fprintf(stderr, "first failure: %s (%d, %s)\n", fetch_error_text(r->error), r->sys,
                    r->text ? r->text : "");
    }
    fetch_free(u->fetch);
    u->fetch = NULL;
    if (!is_over)
        next(u);
}

static void next(struct user *u)
{
    u->fetch = fetch_start(u->pool, &request, on_done, u);
    if (fetch_is_done(u->fetch)) {
        fprintf(stderr, "cannot start: %s\n", fetch_error_text(fetch_response(u->fetch)->error));
        exit(1);
    }
}

static void on_end(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    is_over = true;
    event_base_loopbreak(base);
}

static double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static struct fetch_target target_of(char *url, const char **path)
{
    struct fetch_target t = {.tls = strncmp(url, "https://", 8) == 0, .tls_profile.verify = true};
    char *host = strstr(url, "://");
    char *port = host ? strchr(host + 3, ':') : NULL;
    char *slash = port ? strchr(port, '/') : NULL;
    if (!slash) {
        fprintf(stderr, "need scheme://host:port/path\n");
        exit(2);
    }
    *port = 0;
    t.host = host + 3;
    t.port = (uint16_t)strtoul(port + 1, NULL, 10);
    *path = slash;
    return t;
}

int main(int argc, char **argv)
{
    unsigned connections = 100, seconds = 3, read_timeout_ms = 0;
    bool verify = true, is_http2 = false;
    for (int opt; (opt = getopt(argc, argv, "c:d:t:k2")) != -1;) {
        if (opt == 'c')
            connections = (unsigned)strtoul(optarg, NULL, 10);
        else if (opt == 'd')
            seconds = (unsigned)strtoul(optarg, NULL, 10);
        else if (opt == 't')
            read_timeout_ms = (unsigned)strtoul(optarg, NULL, 10);
        else if (opt == 'k')
            verify = false;
        else if (opt == '2')
            is_http2 = true;
        else
            return 2;
    }
    if (optind + 1 != argc)
        return 2;
    const char *path;
    struct fetch_target target = target_of(argv[optind], &path);
    target.tls_profile.verify = verify;
    char authority[512];
    snprintf(authority, sizeof authority, "%s:%u", target.host, target.port);
#define HEADER(name, value)                                                                        \
    {                                                                                              \
        name, value, sizeof name - 1, sizeof value - 1                                             \
    }
    static const struct fetch_header headers[] = {{"Host", NULL, 4, 0},
                                                  HEADER("User-Agent", "bench"),
                                                  HEADER("Accept-Encoding", "gzip, deflate"),
                                                  HEADER("Accept", "*/*"),
                                                  HEADER("Connection", "keep-alive")};
    base = event_base_new();
    static const struct protocol *const list[] = {&http1, NULL}, *const other[] = {&http2, NULL};
    static struct fetch_kept kept;
    const struct protocols protocols = {.list = is_http2 ? other : list,
                                        .plain = is_http2 ? &http2 : &http1,
                                        .tunnel = &http1_tunnel};
    struct fetch_engine *engine = fetch_engine_new(base, &protocols);
    origin = fetch_origin_get(engine, &target);
    request = (struct fetch_request){.origin = origin,
                                     .method = "GET",
                                     .method_len = 3,
                                     .authority = authority,
                                     .authority_len = strlen(authority),
                                     .path = path,
                                     .path_len = strlen(path),
                                     .headers = headers,
                                     .kept = &kept,
                                     .events = FETCH_OVER,
                                     .header_count = sizeof headers / sizeof *headers,
                                     .read_timeout_ms = read_timeout_ms};
    struct user *users = calloc(connections, sizeof *users);
    for (unsigned i = 0; i < connections; i++) {
        users[i].pool = fetch_pool_new(
            engine, (struct fetch_pool_config){.max_idle_per_origin = 10, .max_per_origin = 0});
        next(&users[i]);
    }
    const struct timeval length = {(time_t)seconds, 0};
    event_base_once(base, -1, EV_TIMEOUT, on_end, NULL, &length);
    const double cpu = cpu_seconds();
    const uint64_t start = clk_mono_ns();
    event_base_dispatch(base);
    const double wall = (double)(clk_mono_ns() - start) / 1e9;
    const double used = cpu_seconds() - cpu;
    const struct fetch_counters counters = fetch_engine_counters(engine);
    printf("%lu requests, %.0f/s, %.2f us CPU each, %lu failed, %lu connections (%lu resumed)\n",
           done_count, (double)done_count / wall, used * 1e6 / (double)done_count, failed_count,
           (unsigned long)counters.connections_opened, (unsigned long)counters.tls_resumed);
    for (unsigned i = 0; i < connections; i++) {
        fetch_free(users[i].fetch);
        fetch_pool_free(users[i].pool);
    }
    free(users);
    free(kept.bytes);
    fetch_engine_free(engine);
    event_base_free(base);
    return failed_count ? 1 : 0;
}
