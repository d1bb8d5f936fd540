// SPDX-License-Identifier: MIT
#include "common/base/sbuf.h"
#include "common/wire/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include <cmocka.h>

static struct keys made(void)
{
    struct keys k;
    assert_true(keys_make(&k));
    return k;
}

static void texts_say_what_each_side_needs(void **state)
{
    (void)state;
    const struct keys k = made();
    struct keys master, worker;
    char master_text[KEYS_TEXT_MAX], worker_text[KEYS_TEXT_MAX], *why = NULL;
    keys_master_text(&k, master_text);
    keys_worker_text(&k, worker_text);
    assert_true(keys_read_master(master_text, &master, &why));
    assert_memory_equal(&master, &k, sizeof k);
    assert_true(keys_read_worker(worker_text, &worker, &why));
    assert_memory_equal(worker.master_public, k.master_public, KEYS_BYTES);
    assert_memory_equal(worker.worker_public, k.worker_public, KEYS_BYTES);
    assert_memory_equal(worker.worker_secret, k.worker_secret, KEYS_BYTES);
    const unsigned char none[KEYS_BYTES] = {0};
    assert_memory_equal(worker.master_secret, none, KEYS_BYTES);
}

static void no_two_clusters_have_the_same(void **state)
{
    (void)state;
    const struct keys a = made(), b = made();
    assert_memory_not_equal(a.master_secret, b.master_secret, KEYS_BYTES);
    assert_memory_not_equal(a.worker_secret, b.worker_secret, KEYS_BYTES);
    assert_memory_not_equal(a.worker_secret, a.master_secret, KEYS_BYTES);
}

/* Curve25519 as ZeroMQ has it. */
static void publics_are_those_of_zeromq(void **state)
{
    (void)state;
    const struct keys k = made();
    char secret[41], public[41];
    uint8_t bytes[KEYS_BYTES];
    assert_non_null(zmq_z85_encode(secret, k.worker_secret, KEYS_BYTES));
    assert_int_equal(zmq_curve_public(public, secret), 0);
    assert_non_null(zmq_z85_decode(bytes, public));
    assert_memory_equal(bytes, k.worker_public, KEYS_BYTES);
}

static void a_join_line_says_where_and_with_what(void **state)
{
    (void)state;
    static const struct {
        const char *before, *host;
        int port;
    } good[] = {
        {"tcp://load.example:5557#", "load.example", 5557},
        {"load.example:7#", "load.example", 7},
        {"load.example#", "load.example", 0},
        {"tcp://[fd00::1]:5557#", "fd00::1", 5557},
        {"[fd00::1]#", "fd00::1", 0},
        {"fd00::1#", "fd00::1", 0},
        {"#", "", 0},
        {"", "", 0},
    };
    const struct keys k = made();
    char key[KEYS_TEXT_MAX];
    keys_worker_text(&k, key);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct keys_join join;
        char *why = NULL, *line = sbuf_words("%s%s", good[i].before, key);
        assert_true(keys_read_join(line, &join, &why));
        assert_string_equal(join.host, good[i].host);
        assert_int_equal(join.port, good[i].port);
        assert_string_equal(join.key, key);
        free(line);
    }
}

static void refuse_join(const char *line, const char *says)
{
    struct keys_join join;
    char *why = NULL;
    assert_false(keys_read_join(line, &join, &why));
    assert_non_null(why);
    if (!strstr(why, says))
        fail_msg("'%s' says: %s", line, why);
    free(why);
}

static void a_bad_join_line_is_refused_with_a_mend(void **state)
{
    (void)state;
    const struct keys k = made();
    char key[KEYS_TEXT_MAX], master[KEYS_TEXT_MAX], bad[512];
    keys_worker_text(&k, key);
    keys_master_text(&k, master);
    refuse_join("", "katydid keys join FILE");
    refuse_join("tcp://host:5557", "katydid keys join FILE");
    refuse_join("tcp://host:5557#", "katydid keys join FILE");
    refuse_join(master, "master's own key");
    snprintf(bad, sizeof bad, "tcp://host:port#%s", key);
    refuse_join(bad, "is no port");
    snprintf(bad, sizeof bad, "tcp://host:0#%s", key);
    refuse_join(bad, "is no port");
    snprintf(bad, sizeof bad, "tcp://:5557#%s", key);
    refuse_join(bad, "no address");
    snprintf(bad, sizeof bad, "http://host:5557#%s", key);
    refuse_join(bad, "no address");
    snprintf(bad, sizeof bad, "%.*s", (int)strlen(key) - 1, key);
    refuse_join(bad, "copy the whole");
    snprintf(bad, sizeof bad, "%s#", key);
    refuse_join(bad, "katydid keys join FILE");
    snprintf(bad, sizeof bad, "h#%s", key);
    bad[40] = '?';
    refuse_join(bad, "letter 26 of the key");
    for (size_t i = strlen("katydid-join-"); key[i]; i++) { /* each typing error */
        strcpy(bad, key);
        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        refuse_join(bad, "typing error");
    }
}

static void bad_keys_of_a_master_are_refused_with_a_mend(void **state)
{
    (void)state;
    struct keys k = made(), read;
    char text[KEYS_TEXT_MAX], *why = NULL;
    keys_worker_text(&k, text);
    assert_false(keys_read_master(text, &read, &why));
    assert_non_null(strstr(why, "for --join"));
    free(why);
    assert_false(keys_read_master("", &read, &why));
    assert_non_null(strstr(why, "katydid keys new FILE"));
    free(why);
    keys_master_text(&k, text);
    text[20] = text[20] == 'x' ? 'y' : 'x';
    assert_false(keys_read_master(text, &read, &why));
    assert_non_null(strstr(why, "typing error"));
    free(why);
}

static void a_file_has_comments_and_one_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *line;
    } files[] = {
        {"# a comment\n\n  katydid-x \r\nmore\n", "katydid-x"},
        {"line", "line"},
        {"#katydid-join-abc\n", "#katydid-join-abc"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *line = keys_line(files[i].text);
        assert_string_equal(line, files[i].line);
        free(line);
    }
    assert_null(keys_line("# only\n#\n \n"));
    assert_null(keys_line(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_say_what_each_side_needs),
        cmocka_unit_test(no_two_clusters_have_the_same),
        cmocka_unit_test(publics_are_those_of_zeromq),
        cmocka_unit_test(a_join_line_says_where_and_with_what),
        cmocka_unit_test(a_bad_join_line_is_refused_with_a_mend),
        cmocka_unit_test(bad_keys_of_a_master_are_refused_with_a_mend),
        cmocka_unit_test(a_file_has_comments_and_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
