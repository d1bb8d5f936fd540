// SPDX-License-Identifier: MIT
/* Names: asked once for all who wait, remembered for a moment, forgotten when a connection fails,
 * bounded in number. The system's resolver is played by this file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/event.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clk.h"
#include "worker/net/deadline.h"
#include "worker/net/dns.h"

static atomic_int asked, last_byte, hanging;
static atomic_bool is_let_go;

struct made {
    struct addrinfo info;
    struct sockaddr_in6 address;
};

static void add_address(struct addrinfo **to, int family)
{
    struct made *m = calloc(1, sizeof *m);
    m->info.ai_family = family;
    m->info.ai_addr = (struct sockaddr *)&m->address;
    m->address.sin6_family = (sa_family_t)family;
    if (family == AF_INET)
        ((struct sockaddr_in *)(void *)&m->address)->sin_addr.s_addr =
            htonl(INADDR_LOOPBACK + (unsigned)last_byte);
    m->info.ai_next = *to;
    *to = &m->info;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    (void)service, (void)hints;
    asked++;
    *found = NULL;
    if (strncmp(host, "hang", 4) == 0) {
        hanging++;
        while (!is_let_go)
            usleep(1000);
        hanging--;
        return EAI_AGAIN;
    }
    if (strcmp(host, "gone") == 0)
        return EAI_NONAME;
    if (strcmp(host, "empty") == 0)
        return 0;
    add_address(found, AF_INET);
    if (strcmp(host, "both") == 0) {
        add_address(found, AF_INET);
        add_address(found, AF_INET6);
    }
    return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
    while (list) {
        struct addrinfo *next = list->ai_next;
        free(list);
        list = next;
    }
}

static time_t ahead_s; /* of the machine's clock */

int clock_gettime(clockid_t id, struct timespec *t)
{
    const long rc = syscall(SYS_clock_gettime, id, t);
    t->tv_sec += ahead_s;
    return (int)rc;
}

static struct event_base *base;
static struct deadlines *deadlines;
static struct dns *dns;
static unsigned told;

static int set_up(void **state)
{
    (void)state;
    base = event_base_new();
    deadlines = deadlines_new(base);
    dns = dns_new(base, deadlines);
    asked = hanging = 0;
    last_byte = 0;
    is_let_go = false;
    told = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    dns_free(dns);
    deadlines_free(deadlines);
    event_base_free(base);
    return 0;
}

static void on_done(struct dns_query *q)
{
    (void)q;
    told++;
}

/* Until so many were told. */
static void run_until(unsigned count)
{
    const uint64_t end = clk_mono_ns() + UINT64_C(60000000000);
    while (told < count && clk_mono_ns() < end)
        event_base_loop(base, EVLOOP_ONCE);
    assert_int_equal(told, count);
}

static struct dns_query look_up(const char *host)
{
    struct dns_query q = {.done = on_done};
    const unsigned before = told;
    if (!dns_lookup(dns, host, &q))
        run_until(before + 1);
    return q;
}

static unsigned last_byte_of(const struct dns_query *q)
{
    return ntohl(q->addrs[0].v4.sin_addr.s_addr) - INADDR_LOOPBACK;
}

static void test_literals_are_not_asked_for(void **state)
{
    (void)state;
    struct dns_query q = {0};
    assert_true(dns_lookup(dns, "10.1.2.3", &q));
    assert_int_equal(q.count, 1);
    assert_int_equal(asked, 0);
    assert_int_equal(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
}

static void test_an_answer_is_kept_for_a_moment(void **state)
{
    (void)state;
    assert_int_equal(look_up("shop").count, 1);
    assert_int_equal(look_up("shop").count, 1);
    assert_int_equal(asked, 1);
    last_byte = 7;
    ahead_s += DNS_KEEP_MS / 1000 + 1;
    const struct dns_query q = look_up("shop");
    assert_int_equal(last_byte_of(&q), 7);
    assert_int_equal(dns_lookups(dns), 2);
    assert_int_equal(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 1); /* a timer's */
}

static void test_forgotten_it_is_asked_again(void **state)
{
    (void)state;
    look_up("shop");
    last_byte = 7;
    dns_forget(dns, "shop");
    dns_forget(dns, "never heard of");
    const struct dns_query q = look_up("shop");
    assert_int_equal(last_byte_of(&q), 7);
}

static void test_failures_are_told_and_not_kept(void **state)
{
    (void)state;
    assert_int_equal(look_up("gone").eai, EAI_NONAME);
    assert_int_equal(look_up("empty").eai, EAI_NONAME);
    assert_int_equal(look_up("gone").eai, EAI_NONAME);
    assert_int_equal(asked, 3);
}

static void test_all_addresses_the_older_family_first(void **state)
{
    (void)state;
    const struct dns_query q = look_up("both");
    assert_int_equal(q.count, 3);
    assert_int_equal(q.addrs[0].any.sa_family, AF_INET);
    assert_int_equal(q.addrs[1].any.sa_family, AF_INET);
    assert_int_equal(q.addrs[2].any.sa_family, AF_INET6);
}

static void test_many_who_wait_are_one_question(void **state)
{
    (void)state;
    struct dns_query q[50];
    for (int i = 0; i < 50; i++) {
        q[i] = (struct dns_query){.done = on_done};
        assert_false(dns_lookup(dns, "shop", &q[i]));
    }
    dns_cancel(&q[20]);
    run_until(49);
    assert_int_equal(asked, 1);
    assert_int_equal(q[49].count, 1);
}

static void test_names_without_end(void **state)
{
    (void)state;
    char host[32];
    for (int i = 0; i < DNS_MAX_NAMES + 500; i++) {
        snprintf(host, sizeof host, "shop%d", i);
        assert_int_equal(look_up(host).count, 1);
        assert_true(dns_names(dns) <= DNS_MAX_NAMES);
    }
    assert_int_equal(asked, DNS_MAX_NAMES + 500);
    assert_int_equal(look_up(host).count, 1);
    assert_int_equal(look_up("shop0").count, 1);
    assert_int_equal(asked, DNS_MAX_NAMES + 501);
}

/* One that has its question but is not there yet would hang in the next test. */
static void wait_for_all_who_may_hang(void)
{
    while (hanging < DNS_MAX_NEW)
        usleep(1000);
}

/* Threads that wait for a name server are left behind, and others still get their turn. */
static void test_a_resolver_that_hangs(void **state)
{
    (void)state;
    static struct dns_query q[DNS_MAX_THREADS + 10];
    char host[32];
    for (int i = 0; i < DNS_MAX_THREADS + 10; i++) {
        snprintf(host, sizeof host, "hang%d", i);
        q[i] = (struct dns_query){.done = on_done};
        assert_false(dns_lookup(dns, host, &q[i]));
        if (i == DNS_MAX_NEW - 2)
            assert_int_equal(look_up("shop").count, 1);
    }
    wait_for_all_who_may_hang();
    for (int i = 0; i < DNS_MAX_THREADS + 10; i++)
        dns_cancel(&q[i]);
    assert_int_equal(hanging, DNS_MAX_NEW);
    dns_free(dns);
    is_let_go = true;
    while (hanging)
        usleep(1000);
    dns = NULL;
    assert_int_equal(told, 1);
}

/* A target that redirects to names without an answer does not make its own unreachable. */
static void test_names_that_hang_keep_no_known_one_waiting(void **state)
{
    (void)state;
    static struct dns_query q[DNS_MAX_THREADS * 2];
    char host[32];
    assert_int_equal(look_up("shop").count, 1);
    for (int i = 0; i < DNS_MAX_THREADS * 2; i++) {
        snprintf(host, sizeof host, "hang%d", i);
        q[i] = (struct dns_query){.done = on_done};
        assert_false(dns_lookup(dns, host, &q[i]));
    }
    for (int i = 0; i < 3; i++) {
        dns_forget(dns, "shop");
        const uint64_t before = clk_mono_ns();
        assert_int_equal(look_up("shop").count, 1);
        assert_true(clk_mono_ns() - before < DNS_PATIENCE_MS / 2 * UINT64_C(1000000));
    }
    wait_for_all_who_may_hang();
    assert_int_equal(hanging, DNS_MAX_NEW);
    is_let_go = true;
    run_until(4 + DNS_MAX_THREADS * 2);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_literals_are_not_asked_for),
        T(test_an_answer_is_kept_for_a_moment),
        T(test_forgotten_it_is_asked_again),
        T(test_failures_are_told_and_not_kept),
        T(test_all_addresses_the_older_family_first),
        T(test_many_who_wait_are_one_question),
        T(test_names_without_end),
        T(test_a_resolver_that_hangs),
        T(test_names_that_hang_keep_no_known_one_waiting),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
