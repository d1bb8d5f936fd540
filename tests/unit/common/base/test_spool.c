// SPDX-License-Identifier: MIT
#include "common/base/spool.h"
#include "common/base/sbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void say_left_out(struct sbuf *text, unsigned long texts)
{
    sbuf_addf(text, "(%lu left out)\n", texts);
}

struct place {
    int read, write;
};

static struct place a_pipe(void)
{
    int fd[2];
    assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
    assert_true(fcntl(fd[1], F_SETPIPE_SZ, 4096) > 0);
    return (struct place){fd[0], fd[1]};
}

static struct place a_socket(void)
{
    int fd[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    return (struct place){fd[0], fd[1]};
}

static void put_numbers(struct spool *s, int from, int until)
{
    for (int i = from; i < until; i++) {
        char line[128];
        int n = snprintf(line, sizeof line, "%d %0100d\n", i, i);
        spool_put(s, line, (size_t)n);
    }
}

static struct sbuf read_until(int fd, const char *end)
{
    struct sbuf got = {0};
    char bytes[4096];
    while (got.len < strlen(end) || strcmp(got.data + got.len - strlen(end), end) != 0) {
        ssize_t n = read(fd, bytes, sizeof bytes);
        assert_true(n > 0);
        sbuf_add(&got, bytes, (size_t)n);
        sbuf_adds(&got, "");
    }
    return got;
}

static void assert_numbers(const struct sbuf *got, int from, int until)
{
    const char *at = got->data;
    for (int i = from; i < until; i++, at = strchr(at, '\n') + 1)
        assert_int_equal(strtol(at, NULL, 10), i);
}

static void check_order(struct place p)
{
    struct spool *s = spool_new(p.write, say_left_out);
    put_numbers(s, 0, 5000);
    assert_false(spool_settle(s, 0.01));
    spool_put(s, "end\n", 4);
    struct sbuf got = read_until(p.read, "end\n");
    assert_numbers(&got, 0, 5000);
    assert_true(spool_settle(s, 60));
    sbuf_fini(&got);
    close(p.read);
    close(p.write);
}

static void test_who_puts_does_not_wait_and_order_is_kept(void **state)
{
    (void)state;
    check_order(a_pipe());
    check_order(a_socket());
}

static void test_what_has_room_is_there_at_once(void **state)
{
    (void)state;
    static struct spool *volatile kept; /* for ever, as a spool is: this one has no thread */
    struct place p = a_pipe();
    struct spool *s = kept = spool_new(p.write, say_left_out);
    spool_put(s, "now\n", 4);
    assert_int_equal(poll(&(struct pollfd){.fd = p.read, .events = POLLIN}, 1, 0), 1);
    struct sbuf got = read_until(p.read, "now\n");
    sbuf_fini(&got);
    close(p.read);
    close(p.write);
}

static void test_what_is_too_much_is_left_out_and_said(void **state)
{
    (void)state;
    char *block = calloc(1, SPOOL_MAX);
    struct place p = a_pipe();
    struct spool *s = spool_new(p.write, say_left_out);
    memset(block, 'x', SPOOL_MAX - 1);
    block[SPOOL_MAX - 1] = '\n';
    put_numbers(s, 0, 200);           /* the thread has these in hand, or they wait */
    spool_put(s, block, SPOOL_MAX);   /* this may just wait, or not */
    put_numbers(s, 200, 200 + 20000); /* two megabytes more */
    struct sbuf got = {0};
    char bytes[4096];
    while (!got.data ||
           !strstr(got.len > 100 ? got.data + got.len - 100 : got.data, "left out)\n")) {
        ssize_t n = read(p.read, bytes, sizeof bytes);
        assert_true(n > 0);
        sbuf_add(&got, bytes, (size_t)n);
        sbuf_adds(&got, "");
    }
    sbuf_fini(&got);
    while (!spool_settle(s, 0.01)) /* so much may wait again that there is no room for a word */
        if (poll(&(struct pollfd){.fd = p.read, .events = POLLIN}, 1, 0) == 1)
            assert_true(read(p.read, bytes, sizeof bytes) > 0);
    spool_put(s, "after\n", 6);
    got = read_until(p.read, "after\n");
    sbuf_fini(&got);
    free(block);
    close(p.read);
    close(p.write);
}

static void test_a_text_that_is_written_in_its_turn_has_no_limit(void **state)
{
    (void)state;
    struct place p = a_pipe();
    int status = 0;
    struct spool *s = spool_new(p.write, say_left_out);
    pid_t reader = fork();
    if (reader == 0) {
        close(p.write);
        alarm(60);
        struct sbuf got = {0};
        char bytes[4096];
        for (ssize_t n; got.len < 3 * (size_t)SPOOL_MAX && (n = read(p.read, bytes, 4096)) > 0;)
            sbuf_add(&got, bytes, (size_t)n);
        _exit(got.len == 3 * (size_t)SPOOL_MAX ? 0 : 1);
    }
    char *text = calloc(3, SPOOL_MAX);
    spool_write(s, text, 3 * (size_t)SPOOL_MAX);
    assert_int_equal(waitpid(reader, &status, 0), reader);
    assert_int_equal(status, 0);
    free(text);
    close(p.read);
    close(p.write);
}

/* Its parent's thread is at a full pipe, and holds what it holds. */
static void test_a_forked_child_writes_for_itself(void **state)
{
    (void)state;
    struct place p = a_pipe();
    int status = 0;
    struct spool *s = spool_new(p.write, say_left_out);
    put_numbers(s, 0, 1000);
    pid_t child = fork();
    if (child == 0) {
        alarm(60);
        spool_put(s, "child\n", 6);
        _exit(0);
    }
    spool_put(s, "end\n", 4);
    struct sbuf got = {0};
    char bytes[4096];
    while (!got.data || !strstr(got.data, "end\n") || !strstr(got.data, "child\n")) {
        ssize_t n = read(p.read, bytes, sizeof bytes);
        assert_true(n > 0);
        sbuf_add(&got, bytes, (size_t)n);
        sbuf_adds(&got, "");
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    sbuf_fini(&got);
    close(p.read);
    close(p.write);
}

static void test_what_has_no_room_at_once_is_a_file_or_full(void **state)
{
    (void)state;
    struct place p = a_pipe();
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(spool_suits(p.write));
    assert_false(spool_suits(full));
    assert_false(spool_suits(-1));
    assert_null(spool_new(-1, say_left_out));
    struct spool *s = spool_new(full, say_left_out);
    assert_true(spool_is_for(s, full));
    assert_false(spool_is_for(s, p.write));
    spool_put(s, "x", 1);
    assert_true(spool_settle(s, 60));
    assert_int_equal(spool_error_number(s), ENOSPC);
    close(full);
    close(p.read);
    close(p.write);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_puts_does_not_wait_and_order_is_kept),
        cmocka_unit_test(test_what_has_room_is_there_at_once),
        cmocka_unit_test(test_what_is_too_much_is_left_out_and_said),
        cmocka_unit_test(test_a_text_that_is_written_in_its_turn_has_no_limit),
        cmocka_unit_test(test_a_forked_child_writes_for_itself),
        cmocka_unit_test(test_what_has_no_room_at_once_is_a_file_or_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
