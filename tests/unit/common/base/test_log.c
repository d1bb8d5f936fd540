// SPDX-License-Identifier: MIT
#include "common/base/log.h"
#include "common/base/sbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char path[64];

static int open_log(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/test_log.XXXXXX");
    int fd = mkstemp(path);
    if (fd >= 0)
        close(fd);
    return log_open(path);
}

static int remove_log(void **state)
{
    (void)state;
    return unlink(path);
}

static struct sbuf read_log(void)
{
    struct sbuf b = {0};
    char chunk[4096];
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        sbuf_add(&b, chunk, n);
    fclose(f);
    sbuf_add(&b, "", 0);
    return b;
}

static void assert_matches(const char *text, const char *pattern)
{
    regex_t re;
    assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
    if (regexec(&re, text, 0, NULL, 0) != 0)
        fail_msg("\"%s\" is not /%s/", text, pattern);
    regfree(&re);
}

#define HEAD "^\\[[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2},[0-9]{3}\\] [^./]+/"

static void test_lines_look_like_locusts(void **state)
{
    (void)state;
    log_info("locust.main", "Starting %s %d", "Katydid", 1);
    struct sbuf b = read_log();
    assert_matches(b.data, HEAD "INFO/locust\\.main: Starting Katydid 1\n$");
    sbuf_fini(&b);
}

static void test_levels(void **state)
{
    (void)state;
    log_set_level(LOG_WARNING);
    errno = 5;
    log_info("x", "silent");
    log_debug("x", "silent");
    log_warning("x", "loud 1");
    log_write(LOG_CRITICAL, "x", "loud 2");
    assert_int_equal(errno, 5);
    log_set_level(LOG_INFO);
    struct sbuf b = read_log();
    assert_null(strstr(b.data, "silent"));
    assert_non_null(strstr(b.data, "/WARNING/x: loud 1\n"));
    assert_non_null(strstr(b.data, "/CRITICAL/x: loud 2\n"));
    sbuf_fini(&b);
}

static void test_terminals_are_not_commanded(void **state)
{
    (void)state;
    log_info("x", "%s", "red \x1b[31m bell\a\r c1 \xC2\x9B tab\tline\nnext \xC3\xA9");
    struct sbuf b = read_log();
    assert_non_null(
        strstr(b.data, "red \\x1b[31m bell\\x07\\x0d c1 \\x9b tab\tline\nnext \xC3\xA9\n"));
    sbuf_fini(&b);
}

static void test_a_file_that_cannot_be_opened(void **state)
{
    (void)state;
    assert_int_equal(log_open("/nonexistent/folder/log"), -1);
    assert_int_equal(errno, ENOENT);
    log_info("x", "still here");
    struct sbuf b = read_log();
    assert_non_null(strstr(b.data, "still here"));
    sbuf_fini(&b);
}

struct seen {
    char line[256];
    enum log_level level;
};

static void sink(void *arg, enum log_level level, const char *line)
{
    struct seen *seen = arg;
    snprintf(seen->line, sizeof seen->line, "%s", line);
    seen->level = level;
}

static void test_the_sink_gets_each_line(void **state)
{
    (void)state;
    struct seen seen = {"", LOG_DEBUG};
    log_set_sink(sink, &seen);
    log_error("x", "for the page");
    log_set_sink(NULL, NULL);
    log_error("x", "not for the page");
    assert_matches(seen.line, "ERROR/x: for the page$");
    assert_int_equal(seen.level, LOG_ERROR);
}

static void *write_lines(void *arg)
{
    for (int i = 0; i < 500; i++)
        log_info("t", "%s", (const char *)arg);
    return NULL;
}

static void test_threads_do_not_mix_lines(void **state)
{
    (void)state;
    pthread_t threads[4];
    char texts[4][300];
    for (int i = 0; i < 4; i++) {
        memset(texts[i], 'a' + i, sizeof texts[i] - 1);
        texts[i][sizeof texts[i] - 1] = 0;
        pthread_create(&threads[i], NULL, write_lines, texts[i]);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    struct sbuf b = read_log();
    int lines = 0;
    for (char *at = b.data, *end; (end = strchr(at, '\n')); at = end + 1, lines++) {
        const char *text = strstr(at, "t: ") + 3;
        assert_int_equal(end - text, 299);
        assert_int_equal(strspn(text, (const char[]){*text, 0}), 299);
    }
    assert_int_equal(lines, 2000);
    sbuf_fini(&b);
}

#define LOG_TEST(f) cmocka_unit_test_setup_teardown(f, open_log, remove_log)

/* The last test: a thread that writes is not taken back. A pipe that nobody reads is the disk. */
static void test_who_logs_waits_for_no_disk(void **state)
{
    (void)state;
    char fifo[80], *block = calloc(1, 65536);
    snprintf(fifo, sizeof fifo, "%s.fifo", path);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    int reader = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_int_equal(log_open(fifo), 0);
    log_write_behind();
    memset(block, 'x', 4000);
    for (int i = 0; i < 1000; i++) /* four times what may wait */
        log_info("test", "%d %s", i, block);
    assert_false(log_settle(0.01));
    assert_int_equal(log_error_number(), ETIMEDOUT);
    struct sbuf got = {0};
    while (got.len < 200 || !strstr(got.data + got.len - 200, "are missing here")) {
        ssize_t n = read(reader, block, 65536);
        if (n > 0)
            sbuf_add(&got, block, (size_t)n);
        else
            usleep(1000);
    }
    assert_non_null(strstr(got.data, "test: 0 xxx"));
    assert_null(strstr(got.data, "test: 999 xxx"));
    close(reader);
    unlink(fifo);
    sbuf_fini(&got);
    free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_lines_look_like_locusts),     LOG_TEST(test_levels),
        LOG_TEST(test_terminals_are_not_commanded), LOG_TEST(test_a_file_that_cannot_be_opened),
        LOG_TEST(test_the_sink_gets_each_line),     LOG_TEST(test_threads_do_not_mix_lines),
        LOG_TEST(test_who_logs_waits_for_no_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
