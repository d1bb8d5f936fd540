// SPDX-License-Identifier: MIT
#include "common/base/clk.h"
#include "common/base/sbuf.h"
#include "common/wire/keys.h"
#include "common/wire/link.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define DEADLINE_NS (UINT64_C(60) * 1000000000)

static struct link *master_at(const char *endpoint, const struct keys *k)
{
    char *why = NULL, path[64];
    snprintf(path, sizeof path, "ipc:///tmp/test_link_keys.%d", (int)getpid());
    struct link *l = link_bind(path, &why);
    assert_non_null(l);
    const uint64_t until = clk_mono_ns() + DEADLINE_NS; /* for a port that ZeroMQ closes later */
    while (!link_listen(l, endpoint, k, &why)) {
        if (clk_mono_ns() >= until || !strstr(why, "already in use"))
            fail_msg("%s", why);
        free(why);
        poll(NULL, 0, 10);
    }
    return l;
}

static struct link *worker_of(const char *endpoint, const char *name, const struct keys *k)
{
    char key[KEYS_TEXT_MAX] = "", *why = NULL;
    if (k)
        keys_worker_text(k, key);
    char *with = sbuf_words(k ? "%s#%s" : "%s%s", endpoint, key);
    struct link *l = link_connect(with, name, &why);
    if (!l)
        fail_msg("%s", why);
    assert_string_equal(link_endpoint(l), endpoint); /* which is printed */
    free(with);
    return l;
}

/* Behind what was said while nobody listened. */
static void arrives(struct link *l, const char *node, const char *text)
{
    const uint64_t until = clk_mono_ns() + DEADLINE_NS;
    struct link_message m;
    enum link_rc rc;
    while ((rc = link_recv(l, &m)) != LINK_OK || (m.len == 6 && !memcmp(m.bytes, "secret", 6))) {
        struct pollfd p = {.fd = link_fd(l), .events = POLLIN};
        assert_true((rc == LINK_EMPTY || rc == LINK_OK) && clk_mono_ns() < until);
        if (rc == LINK_OK)
            link_message_free(&m);
        else
            poll(&p, 1, 100);
    }
    if (node)
        assert_string_equal(m.node, node);
    assert_int_equal(m.len, strlen(text));
    assert_memory_equal(m.bytes, text, m.len);
    link_message_free(&m);
}

static void converse(struct link *master, struct link *worker, const char *name)
{
    assert_int_equal(link_send(worker, NULL, "to", 2), LINK_OK);
    arrives(master, name, "to");
    assert_int_equal(link_send(master, name, "fro", 3), LINK_OK);
    arrives(worker, NULL, "fro");
}

/* Tries until it knows why that leads nowhere, and the master too, if it is one with keys. */
static void gets_nowhere(struct link *master, struct link *worker, const char *because)
{
    const uint64_t until = clk_mono_ns() + DEADLINE_NS, strangers = link_strangers(master);
    struct link_message m;
    const char *trouble = NULL;
    while (!trouble ||
           (!strstr(because, "without --keys") && link_strangers(master) == strangers)) {
        if (clk_mono_ns() >= until)
            fail_msg("%s: it says %s, strangers %d", because, trouble, (int)link_strangers(master));
        assert_true(link_send(worker, NULL, "secret", 6) != LINK_ERROR);
        poll(NULL, 0, 20);
        assert_int_equal(link_recv(worker, &m), LINK_EMPTY);
        assert_int_equal(link_recv(master, &m), LINK_EMPTY);
        trouble = link_trouble(worker);
    }
    if (!strstr(trouble, because))
        fail_msg("it says: %s", trouble);
}

static void the_workers_of_the_cluster_come_in(void **state)
{
    (void)state;
    struct keys k;
    assert_true(keys_make(&k));
    struct link *master = master_at("tcp://127.0.0.1:0", &k);
    struct link *a = worker_of(link_endpoint(master), "a", &k);
    struct link *b = worker_of(link_endpoint(master), "b", &k);
    converse(master, a, "a");
    converse(master, b, "b");
    assert_null(link_trouble(a));
    assert_int_equal(link_strangers(master), 0);
    link_close(a, 0);
    link_close(b, 0);
    link_close(master, 0);
}

static void nobody_else_comes_in_and_each_learns_why(void **state)
{
    (void)state;
    struct keys k, other, guessed;
    assert_true(keys_make(&k) && keys_make(&other));
    guessed = other;
    memcpy(guessed.master_public, k.master_public, KEYS_BYTES);
    struct link *master = master_at("tcp://127.0.0.1:0", &k);
    const struct {
        const struct keys *keys;
        const char *because;
    } strangers[] = {{NULL, "only workers that have its key"},
                     {&other, "does not have the key of this worker's --join"},
                     {&guessed, "refuses the worker's own"}};
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        struct link *worker = worker_of(link_endpoint(master), "w", strangers[i].keys);
        gets_nowhere(master, worker, strangers[i].because);
        link_close(worker, 0);
    }
    struct link *worker = worker_of(link_endpoint(master), "w", &k);
    converse(master, worker, "w");
    link_close(worker, 0);
    link_close(master, 0);
}

static void a_worker_with_a_key_speaks_to_no_master_without(void **state)
{
    (void)state;
    struct keys k;
    assert_true(keys_make(&k));
    struct link *master = master_at("tcp://127.0.0.1:0", NULL);
    struct link *worker = worker_of(link_endpoint(master), "w", &k);
    gets_nowhere(master, worker, "was started without --keys");
    link_close(worker, 0);
    link_close(master, 0);
}

static void other_addresses_of_the_master_ask_for_none(void **state)
{
    (void)state;
    struct keys k;
    assert_true(keys_make(&k));
    struct link *master = master_at("tcp://127.0.0.1:0", &k);
    struct link *worker = worker_of(link_endpoint(master), "w", &k);
    char path[64], *why = NULL;
    snprintf(path, sizeof path, "ipc:///tmp/test_link_keys.%d", (int)getpid());
    struct link *own = worker_of(path, "own", NULL);
    assert_true(link_listen(master, "tcp://127.0.0.1:0", NULL, &why));
    struct link *stock = worker_of(link_endpoint(master), "stock", NULL);
    converse(master, own, "own");
    converse(master, worker, "w");
    converse(master, stock, "stock");
    assert_int_equal(link_strangers(master), 0);
    link_close(own, 0);
    link_close(stock, 0);
    link_close(worker, 0);
    link_close(master, 0);
}

static void a_master_that_returns_with_its_keys_is_found(void **state)
{
    (void)state;
    struct keys k, other;
    assert_true(keys_make(&k) && keys_make(&other));
    struct link *master = master_at("tcp://127.0.0.1:0", &k);
    char *endpoint = strdup(link_endpoint(master));
    struct link *worker = worker_of(endpoint, "w", &k), *plain = worker_of(endpoint, "p", NULL);
    converse(master, worker, "w");
    gets_nowhere(master, plain, "only workers that have its key");
    link_close(master, 0);
    master = master_at(endpoint, &other);
    gets_nowhere(master, worker, "does not have the key");
    link_close(master, 0);
    master = master_at(endpoint, &k);
    converse(master, worker, "w");
    assert_null(link_trouble(worker));
    link_close(master, 0);
    master = master_at(endpoint, NULL); /* what was turned away for good tries again */
    assert_int_equal(link_send(plain, NULL, "to", 2), LINK_OK);
    arrives(master, "p", "to");
    link_close(plain, 0);
    link_close(worker, 0);
    link_close(master, 0);
    free(endpoint);
}

static void a_bad_key_is_a_sentence(void **state)
{
    (void)state;
    char *why = NULL;
    assert_null(link_connect("tcp://127.0.0.1:1#katydid-join-short", "w", &why));
    assert_non_null(strstr(why, "copy the whole"));
    free(why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_workers_of_the_cluster_come_in),
        cmocka_unit_test(nobody_else_comes_in_and_each_learns_why),
        cmocka_unit_test(a_worker_with_a_key_speaks_to_no_master_without),
        cmocka_unit_test(other_addresses_of_the_master_ask_for_none),
        cmocka_unit_test(a_master_that_returns_with_its_keys_is_found),
        cmocka_unit_test(a_bad_key_is_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
