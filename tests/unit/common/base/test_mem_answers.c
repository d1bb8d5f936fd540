// SPDX-License-Identifier: MIT
/* Memory that is refused to those who read what others answer: each allocation fails once, of a
 * request and its answer, of a sink's, and of what the page's server passes on. */
#include "master/sink/http_post.c"
#include "master/web/door.h"
#include "master/web/upstream.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/fetch_rig.h"
#include <arpa/inet.h>
#include <civetweb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdint.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#define BODY_BYTES 300000

static _Noreturn void answer_everybody(int listener, const char *head, ssize_t body_bytes)
{
    static char body[BODY_BYTES];
    for (char asked[1000];;) {
        const int fd = accept(listener, NULL, NULL);
        if (read(fd, asked, sizeof asked) > 0) {
            send(fd, head, strlen(head), MSG_NOSIGNAL);
            for (ssize_t n = 1, left = body_bytes; left > 0 && n > 0; left -= n)
                n = send(fd, body, (size_t)left, MSG_NOSIGNAL);
        }
        close(fd);
    }
}

/* In a process of its own: its memory is never refused. */
static pid_t serve(int listener, const char *head, ssize_t body_bytes)
{
    assert_int_equal(listen(listener, 100), 0);
    const pid_t pid = fork();
    if (pid == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0) /* a test that crashes ends nobody */
        answer_everybody(listener, head, body_bytes);
    close(listener);
    return pid;
}

static pid_t serve_port(uint16_t *port, const char *head, ssize_t body_bytes)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, len), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    *port = ntohs(at.sin_port);
    return serve(listener, head, body_bytes);
}

static pid_t serve_socket(const char *path, const char *head)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    return serve(listener, head, 0);
}

static void end(pid_t server)
{
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
}

static atomic_uint *refused_bodies; /* in all processes */

static void run_fetch(const void *arg)
{
    struct rig rig;
    struct fetch_target target = {.host = "127.0.0.1", .port = *(const uint16_t *)arg};
    const long held = fail_alloc_hold();
    rig_init(&rig, &target, (struct fetch_pool_config){.max_per_origin = 1});
    fail_alloc_go_on(held);
    struct fetch *f = rig_get(&rig, "/");
    if (fetch_response(f)->error == FETCH_NO_MEMORY)
        atomic_fetch_add(refused_bodies, 1);
    fetch_free(f);
    fail_alloc_hold();
    rig_fini(&rig);
}

/* ---- what others answer the master ---- */

#define REFUSAL                                                                                    \
    "HTTP/1.1 429 Wait\r\nRetry-After: 7\r\nContent-Length: 9\r\nConnection: close\r\n"            \
    "X-Other: value\r\n\r\ntoo often"

/* libcurl loses a block of its own when it is refused memory within a request: so what it hears is
 * given to us by hand. */
static void run_sink(const void *arg)
{
    static char status[] = "HTTP/1.1 429 Wait\r\n", retry[] = "Retry-After: 7\r\n",
                other[] = "X-Other: value\r\n", body[] = "too often \n";
    const struct sink_spec *spec = arg;
    struct http_answer a = {.status = 429};
    struct delivery_trouble trouble = {0};
    char *why = NULL;
    double number;
    struct http_post *h = http_post_new(spec, spec->target, &why);
    if (h)
        http_post_header(h, "Authorization: Token t");
    on_header(status, 1, sizeof status - 1, &a);
    on_header(retry, 1, sizeof retry - 1, &a);
    on_header(other, 1, sizeof other - 1, &a);
    on_body(body, 1, sizeof body - 1, &a);
    assert_true(http_answer_number(&a, "retry-after", &number) && number == 7);
    assert_int_equal(http_judge(&a, &trouble), DELIVERY_LATER);
    assert_string_equal(trouble.why.data, "the receiver answers 429: too often");
    http_answer_fini(&a);
    http_post_free(h);
    sbuf_fini(&trouble.why);
    free(why);
}

/* civetweb's part, of one request */
struct mg_connection {
    struct mg_request_info asked;
};

const struct mg_request_info *mg_get_request_info(const struct mg_connection *c)
{
    return &c->asked;
}

const char *mg_get_header(const struct mg_connection *c, const char *name)
{
    (void)c;
    (void)name;
    return NULL;
}

int mg_write(struct mg_connection *c, const void *bytes, size_t len)
{
    (void)c;
    (void)bytes;
    return (int)len;
}

static struct door *door;

static void run_upstream(const void *arg)
{
    const struct access_who who = {.role = ROLE_RUN, .name = "somebody"};
    struct mg_connection c = {.asked = {.request_method = "GET",
                                        .num_headers = 1,
                                        .http_headers = {{"Cookie", "a=b"}},
                                        .content_length = -1}};
    const struct upstream u = {.socket = arg,
                               .client = "127.0.0.1",
                               .path = "/mine",
                               .query = "q",
                               .door = door,
                               .who = &who};
    upstream_admits(&c, &u);
    upstream_forward(&c, &u);
}

/* ---- */

static void a_body_that_finds_no_room_fails_alone(void **state)
{
    uint16_t port = 0;
    (void)state;
    refused_bodies = mmap(NULL, sizeof *refused_bodies, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const pid_t server =
        serve_port(&port, "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n", BODY_BYTES);
    const unsigned bad = fail_alloc_each("fetch", run_fetch, &port);
    end(server);
    assert_int_equal(bad, 0);
    assert_true(*refused_bodies > 0);
    munmap(refused_bodies, sizeof *refused_bodies);
}

static void what_others_answer_is_read_or_refused(void **state)
{
    char folder[] = "/tmp/katydid-mem-XXXXXX", *why = NULL, path[100];
    (void)state;
    struct sink_spec *spec = sink_spec_text("influxdb=http://127.0.0.1:9", &why);
    assert_non_null(spec);
    unsigned bad = fail_alloc_each("sink", run_sink, spec);
    sink_spec_free(spec);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/socket", folder);
    door = door_new(&(struct door_config){.base_path = "", .port = 8089}, &why);
    const pid_t server = serve_socket(path, REFUSAL);
    bad += fail_alloc_each("upstream", run_upstream, path);
    end(server);
    door_free(door);
    unlink(path);
    rmdir(folder);
    assert_int_equal(bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_that_finds_no_room_fails_alone),
        cmocka_unit_test(what_others_answer_is_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
