// SPDX-License-Identifier: MIT
#include "common/base/whole.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { LINES = 200, WIDTH = 9000, WRITERS = 3 };

static void write_lines(int fd, char letter)
{
    static char line[WIDTH + 1];
    memset(line, letter, WIDTH);
    line[WIDTH] = '\n';
    for (int i = 0; i < LINES; i++)
        if (whole_write(fd, line, sizeof line) != 0)
            _exit(1);
    _exit(0);
}

/* Lines longer than what a pipe keeps whole by itself, and a reader that lets it fill up. */
static void test_lines_of_several_processes_stay_whole_in_a_pipe(void **state)
{
    (void)state;
    static char line[WIDTH + 2];
    int fd[2], count = 0, status = 0;
    assert_int_equal(pipe(fd), 0);
    for (int i = 0; i < WRITERS; i++)
        if (fork() == 0) {
            close(fd[0]); /* or it would never hear that the reader is gone */
            write_lines(fd[1], (char)('a' + i));
        }
    while (poll(&(struct pollfd){.fd = fd[1], .events = POLLOUT}, 1, 0) == 1)
        usleep(1000);
    close(fd[1]);
    FILE *f = fdopen(fd[0], "r");
    for (; fgets(line, sizeof line, f); count++) {
        assert_int_equal(strspn(line, (char[]){line[0], 0}), WIDTH);
        assert_int_equal(line[WIDTH], '\n');
    }
    fclose(f);
    assert_int_equal(count, LINES * WRITERS);
    while (wait(&status) > 0)
        assert_int_equal(status, 0);
}

static void *read_slowly(void *arg)
{
    char bytes[4096];
    int fd = *(int *)arg;
    while (read(fd, bytes, sizeof bytes) > 0)
        usleep(100);
    return NULL;
}

static void test_a_descriptor_that_does_not_block_gets_everything(void **state)
{
    (void)state;
    static char bytes[1 << 20];
    int fd[2];
    pthread_t reader;
    assert_int_equal(pipe(fd), 0);
    assert_int_equal(fcntl(fd[1], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(pthread_create(&reader, NULL, read_slowly, &fd[0]), 0);
    assert_int_equal(whole_write(fd[1], bytes, sizeof bytes), 0);
    close(fd[1]);
    pthread_join(reader, NULL);
    close(fd[0]);
}

static void test_the_error_is_told(void **state)
{
    (void)state;
    int fd = open("/dev/full", O_WRONLY);
    assert_int_equal(whole_write(fd, "x", 1), ENOSPC);
    close(fd);
    assert_int_equal(whole_write(-1, "x", 1), EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_of_several_processes_stay_whole_in_a_pipe),
        cmocka_unit_test(test_a_descriptor_that_does_not_block_gets_everything),
        cmocka_unit_test(test_the_error_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
