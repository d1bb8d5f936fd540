// SPDX-License-Identifier: MIT
#include "common/base/clk.h"
#include "common/base/sbuf.h"
#include "common/wire/link.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

#define DEADLINE_MS 60000

/* A resolver that knows names of each kind of machine; the rest it leaves to the real one. */
static const struct {
    const char *name;
    const char *addresses[3];
} names[] = {
    {"both.test", {"::1", "127.0.0.1"}},
    {"four.test", {"127.0.0.1"}},
    {"six.test", {"::1"}},
    {"other.test", {"192.0.2.1", "127.0.0.1"}},
    {"nobody.test", {"192.0.2.1"}},
};

static struct addrinfo *made(const char *address, struct addrinfo *next)
{
    struct entry {
        struct addrinfo info;
        struct sockaddr_in6 address;
    } *e = calloc(1, sizeof *e);
    bool is_v6 = strchr(address, ':');
    e->info = (struct addrinfo){.ai_family = is_v6 ? AF_INET6 : AF_INET,
                                .ai_socktype = SOCK_STREAM,
                                .ai_addr = (struct sockaddr *)&e->address,
                                .ai_flags = 0x4000000, /* ours */
                                .ai_next = next};
    e->info.ai_addr->sa_family = (sa_family_t)e->info.ai_family;
    e->info.ai_addrlen = is_v6 ? sizeof e->address : sizeof(struct sockaddr_in);
    inet_pton(e->info.ai_family, address,
              is_v6 ? (void *)&e->address.sin6_addr
                    : (void *)&((struct sockaddr_in *)(void *)&e->address)->sin_addr);
    return &e->info;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    for (size_t i = 0; node && i < sizeof names / sizeof *names; i++) {
        if (strcmp(node, names[i].name) != 0)
            continue;
        *out = NULL;
        for (int k = 2; k >= 0; k--)
            if (names[i].addresses[k])
                *out = made(names[i].addresses[k], *out);
        return 0;
    }
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(node, service, hints, out);
}

void freeaddrinfo(struct addrinfo *list)
{
    static void (*real)(struct addrinfo *);
    if (list && list->ai_flags != 0x4000000) {
        if (!real)
            *(void **)&real = dlsym(RTLD_NEXT, "freeaddrinfo");
        real(list);
        return;
    }
    while (list) {
        struct addrinfo *next = list->ai_next;
        free(list);
        list = next;
    }
}

static int left_ms(uint64_t until)
{
    uint64_t now = clk_mono_ns();
    return now >= until ? 0 : (int)((until - now) / 1000000) + 1;
}

/* The next message, by the descriptor alone, as a loop would get it. */
static enum link_rc await(struct link *l, struct link_message *m)
{
    uint64_t until = clk_mono_ns() + DEADLINE_MS * UINT64_C(1000000);
    enum link_rc rc;
    while ((rc = link_recv(l, m)) == LINK_EMPTY || rc == LINK_DROPPED) {
        struct pollfd p = {.fd = link_fd(l), .events = POLLIN};
        if (rc == LINK_EMPTY && poll(&p, 1, left_ms(until)) == 0)
            break;
    }
    return rc;
}

static void expect(struct link *l, const char *node, const char *text)
{
    struct link_message m;
    assert_int_equal(await(l, &m), LINK_OK);
    if (node)
        assert_string_equal(m.node, node);
    else
        assert_null(m.node);
    assert_int_equal(m.len, strlen(text));
    assert_memory_equal(m.bytes, text, m.len);
    link_message_free(&m);
}

static void say(struct link *l, const char *node, const char *text)
{
    assert_int_equal(link_send(l, node, text, strlen(text)), LINK_OK);
}

static struct link *bind_any(const char *endpoint)
{
    char *why = NULL;
    struct link *l = link_bind(endpoint, &why);
    if (!l)
        fail_msg("%s", why);
    return l;
}

static struct link *connect_to(struct link *master, const char *identity)
{
    char *why = NULL;
    struct link *l = link_connect(link_endpoint(master), identity, &why);
    if (!l)
        fail_msg("%s", why);
    return l;
}

static void converse(const char *endpoint)
{
    struct link *master = bind_any(endpoint);
    struct link *a = connect_to(master, "a"), *b = connect_to(master, "b");
    struct link_message m;
    assert_int_equal(link_recv(master, &m), LINK_EMPTY);
    say(a, NULL, "hello");
    expect(master, "a", "hello");
    say(b, NULL, "");
    expect(master, "b", "");
    say(master, "b", "to b");
    say(master, "a", "to a");
    expect(a, NULL, "to a");
    expect(b, NULL, "to b");
    for (int i = 0; i < 1000; i++) {
        say(a, NULL, "again");
        say(master, "a", "and back");
    }
    for (int i = 0; i < 1000; i++) {
        expect(master, "a", "again");
        expect(a, NULL, "and back");
    }
    link_close(a, 0);
    link_close(b, 0);
    link_close(master, 0);
}

static void test_tcp(void **state)
{
    (void)state;
    converse("tcp://127.0.0.1:0");
}

static void test_tcp_by_name_and_on_all_addresses(void **state)
{
    (void)state;
    char *why = NULL;
    converse("tcp://localhost:*");
    struct link *master = bind_any("tcp://*:0");
    struct sbuf endpoint = {0};
    sbuf_addf(&endpoint, "tcp://127.0.0.1%s", strrchr(link_endpoint(master), ':'));
    struct link *worker = link_connect(endpoint.data, "w", &why);
    assert_non_null(worker);
    say(worker, NULL, "x");
    expect(master, "w", "x");
    sbuf_fini(&endpoint);
    link_close(worker, 0);
    link_close(master, 0);
}

static bool has_ipv6_loopback(void)
{
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_there = fd >= 0 && bind(fd, (struct sockaddr *)&loopback, sizeof loopback) == 0;
    if (fd >= 0)
        close(fd);
    return is_there;
}

static void test_each_kind_of_name(void **state)
{
    (void)state;
    char *why = NULL;
    static const char *const on_v4[] = {"both.test", "four.test", "other.test"};
    for (size_t i = 0; i < 3; i++) {
        struct sbuf endpoint = {0};
        sbuf_addf(&endpoint, "tcp://%s:0", on_v4[i]);
        struct link *l = link_bind(endpoint.data, &why);
        assert_non_null(l);
        assert_non_null(strstr(link_endpoint(l), "tcp://127.0.0.1:"));
        link_close(l, 0);
        sbuf_fini(&endpoint);
    }
    struct link *six = link_bind("tcp://six.test:0", &why);
    if (has_ipv6_loopback()) {
        assert_non_null(strstr(link_endpoint(six), "tcp://[::1]:"));
    } else {
        assert_null(six);
        assert_non_null(strstr(why, "no such address"));
        free(why);
    }
    link_close(six, 0);
    assert_null(link_bind("tcp://nobody.test:0", &why));
    assert_non_null(strstr(why, "this machine has no such address"));
    free(why);
}

static void test_ipc(void **state)
{
    (void)state;
    char folder[] = "/tmp/test_link.XXXXXX", endpoint[64];
    assert_non_null(mkdtemp(folder));
    snprintf(endpoint, sizeof endpoint, "ipc://%s/link", folder);
    converse(endpoint);
    snprintf(endpoint, sizeof endpoint, "%s/link", folder);
    unlink(endpoint);
    rmdir(folder);
}

static void test_large_messages(void **state)
{
    (void)state;
    struct link *master = bind_any("tcp://127.0.0.1:0");
    struct link *worker = connect_to(master, "w");
    size_t len = 5u << 20;
    char *bytes = malloc(len);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(i * 7);
    assert_int_equal(link_send(worker, NULL, bytes, len), LINK_OK);
    struct link_message m;
    assert_int_equal(await(master, &m), LINK_OK);
    assert_int_equal(m.len, len);
    assert_memory_equal(m.bytes, bytes, len);
    link_message_free(&m);
    free(bytes);
    link_close(worker, 0);
    link_close(master, 0);
}

static void test_an_unknown_node_is_unreachable(void **state)
{
    (void)state;
    struct link *master = bind_any("tcp://127.0.0.1:0");
    assert_int_equal(link_send(master, "nobody", "x", 1), LINK_UNREACHABLE);
    struct link *worker = connect_to(master, "w");
    say(worker, NULL, "here");
    expect(master, "w", "here");
    assert_int_equal(link_send(master, "nobody", "x", 1), LINK_UNREACHABLE);
    say(master, "w", "the link still works");
    expect(worker, NULL, "the link still works");
    link_close(worker, 0);
    link_close(master, 0);
}

static void test_a_worker_that_returns_takes_its_name_over(void **state)
{
    (void)state;
    struct link *master = bind_any("tcp://127.0.0.1:0");
    struct link *old = connect_to(master, "w");
    say(old, NULL, "old");
    expect(master, "w", "old");
    struct link *new = connect_to(master, "w");
    say(new, NULL, "new");
    expect(master, "w", "new");
    say(master, "w", "to the new one");
    expect(new, NULL, "to the new one");
    link_close(old, 0);
    link_close(new, 0);
    link_close(master, 0);
}

static void test_a_master_that_returns_is_found(void **state)
{
    (void)state;
    struct link *master = bind_any("tcp://127.0.0.1:0");
    struct sbuf endpoint = {0};
    sbuf_adds(&endpoint, link_endpoint(master));
    struct link *worker = connect_to(master, "w");
    say(worker, NULL, "1");
    expect(master, "w", "1");
    link_close(master, 0);
    char *why = NULL;
    uint64_t until = clk_mono_ns() + DEADLINE_MS * UINT64_C(1000000);
    while (!(master = link_bind(endpoint.data, &why)) && left_ms(until)) {
        free(why); /* the old socket closes in the background */
        usleep(1000);
    }
    assert_non_null(master);
    /* What was under way when the old one went is lost, as the wire says: a worker repeats. */
    struct link_message m;
    enum link_rc rc;
    while ((rc = link_recv(master, &m)) == LINK_EMPTY && left_ms(until)) {
        say(worker, NULL, "2");
        struct pollfd p = {.fd = link_fd(master), .events = POLLIN};
        poll(&p, 1, 100);
    }
    assert_int_equal(rc, LINK_OK);
    assert_string_equal(m.node, "w");
    link_message_free(&m);
    sbuf_fini(&endpoint);
    link_close(worker, 0);
    link_close(master, 0);
}

static void test_close_delivers_what_was_sent(void **state)
{
    (void)state;
    struct link *master = bind_any("tcp://127.0.0.1:0");
    struct link *worker = connect_to(master, "w");
    for (int i = 0; i < 100; i++)
        say(worker, NULL, "last words");
    link_close(worker, 5000);
    for (int i = 0; i < 100; i++)
        expect(master, "w", "last words");
    link_close(master, 0);
}

static void expect_why(const char *endpoint, const char *cause, const char *mend)
{
    char *why = NULL;
    struct link *l = link_bind(endpoint, &why);
    assert_null(l);
    if (!strstr(why, cause) || !strstr(why, mend))
        fail_msg("%s: \"%s\"", endpoint, why);
    free(why);
}

static void test_reasons_are_sentences(void **state)
{
    (void)state;
    struct link *master = bind_any("tcp://127.0.0.1:0");
    expect_why(
        link_endpoint(master),
        "address already in use: another program listens on 127.0.0.1:", "--master-bind-port");
    expect_why("tcp://192.0.2.1:5557", "this machine has no such address", "--master-bind-host");
    expect_why("tcp://no.such.host.invalid:5557", "no such address", "--master-bind-host");
    expect_why("nonsense", "not an address", "tcp://HOST:PORT");
    expect_why("tcp://127.0.0.1:port", "not an address", "tcp://HOST:PORT");
    expect_why("ipc:///nonexistent/folder/x", "/nonexistent/folder/x", "No such file");
    char *why = NULL;
    assert_null(link_connect("tcp://127.0.0.1:1", "", &why));
    assert_non_null(strstr(why, "1 to 255 bytes"));
    free(why);
    assert_null(link_connect("tcp://127.0.0.1", "w", &why));
    assert_non_null(strstr(why, "write tcp://HOST:PORT"));
    free(why);
    link_close(master, 0);
    link_close(NULL, 0);
}

/* A peer with other framing, or without a name that could be answered, is dropped and counted. */
static void test_foreign_frames_are_dropped(void **state)
{
    (void)state;
    struct link *master = bind_any("tcp://127.0.0.1:0");
    struct link *worker = connect_to(master, "w");
    void *context = zmq_ctx_new(), *named = zmq_socket(context, ZMQ_DEALER);
    void *nameless = zmq_socket(context, ZMQ_DEALER);
    zmq_setsockopt(named, ZMQ_IDENTITY, "odd", 3);
    zmq_connect(named, link_endpoint(master));
    zmq_connect(nameless, link_endpoint(master));
    zmq_send(named, "", 0, ZMQ_SNDMORE);
    zmq_send(named, "payload", 7, 0);
    zmq_send(named, "good", 4, 0);
    zmq_send(nameless, "payload", 7, 0);
    expect(master, "odd", "good");
    struct link_message m;
    while (link_dropped(master) < 2) {
        enum link_rc rc = link_recv(master, &m);
        struct pollfd p = {.fd = link_fd(master), .events = POLLIN};
        if (rc != LINK_DROPPED && (rc != LINK_EMPTY || poll(&p, 1, DEADLINE_MS) == 0))
            break;
    }
    assert_int_equal(link_dropped(master), 2);
    say(worker, NULL, "x");
    expect(master, "w", "x");
    int linger = 0;
    zmq_setsockopt(named, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(nameless, ZMQ_LINGER, &linger, sizeof linger);
    zmq_close(named);
    zmq_close(nameless);
    zmq_ctx_term(context);
    link_close(worker, 0);
    link_close(master, 0);
}

/* There may be any number of them, and of frames: each call comes back soon. */
static void test_frames_without_end_come_in_turns(void **state)
{
    (void)state;
    enum { FRAMES = 1000, MESSAGES = 50 };
    struct link *master = bind_any("tcp://127.0.0.1:0");
    void *context = zmq_ctx_new(), *odd = zmq_socket(context, ZMQ_DEALER);
    zmq_setsockopt(odd, ZMQ_IDENTITY, "odd", 3);
    zmq_connect(odd, link_endpoint(master));
    for (int i = 0; i < FRAMES; i++)
        zmq_send(odd, "x", 1, ZMQ_SNDMORE);
    zmq_send(odd, "x", 1, 0);
    for (int i = 0; i < MESSAGES; i++) {
        zmq_send(odd, "x", 1, ZMQ_SNDMORE);
        zmq_send(odd, "x", 1, 0);
    }
    zmq_send(odd, "good", 4, 0);
    struct link_message m;
    enum link_rc rc;
    int turns = 0;
    while ((rc = link_recv(master, &m)) != LINK_OK) {
        struct pollfd p = {.fd = link_fd(master), .events = POLLIN};
        turns += rc == LINK_DROPPED;
        assert_true(rc == LINK_DROPPED || (rc == LINK_EMPTY && poll(&p, 1, DEADLINE_MS) > 0));
    }
    assert_int_equal(m.len, 4);
    assert_memory_equal(m.bytes, "good", 4);
    link_message_free(&m);
    assert_int_equal(link_dropped(master), 1 + MESSAGES);
    assert_true(turns > MESSAGES + FRAMES / 100);
    int linger = 0;
    zmq_setsockopt(odd, ZMQ_LINGER, &linger, sizeof linger);
    zmq_close(odd);
    zmq_ctx_term(context);
    link_close(master, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_tcp_by_name_and_on_all_addresses),
        cmocka_unit_test(test_each_kind_of_name),
        cmocka_unit_test(test_ipc),
        cmocka_unit_test(test_large_messages),
        cmocka_unit_test(test_an_unknown_node_is_unreachable),
        cmocka_unit_test(test_a_worker_that_returns_takes_its_name_over),
        cmocka_unit_test(test_a_master_that_returns_is_found),
        cmocka_unit_test(test_close_delivers_what_was_sent),
        cmocka_unit_test(test_reasons_are_sentences),
        cmocka_unit_test(test_foreign_frames_are_dropped),
        cmocka_unit_test(test_frames_without_end_come_in_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
