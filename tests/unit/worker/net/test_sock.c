// SPDX-License-Identifier: MIT
/* Sockets whose acknowledgements wait for what is written next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "worker/net/sock.h"

struct rig {
    struct stream ours;
    int theirs;
};

static struct rig start(void)
{
    union sock_addr here = {.v4 = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}}};
    socklen_t len = sizeof here.v4;
    struct rig rig = {.theirs = -1};
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, &here.any, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, &here.any, &len), 0);
    assert_int_equal(sock_connect(&rig.ours, &here, ntohs(here.v4.sin_port), NULL), 0);
    rig.theirs = accept(listener, NULL, NULL);
    close(listener);
    rig.ours.acks_late = true;
    return rig;
}

static void they_say(const struct rig *rig, const char *text)
{
    int here = 0;
    assert_int_equal(send(rig->theirs, text, strlen(text), 0), strlen(text));
    while (here < (int)strlen(text)) /* loopback: it comes */
        assert_int_equal(ioctl(rig->ours.fd, FIONREAD, &here), 0);
}

static void we_read(struct rig *rig, const char *want)
{
    char text[64] = "";
    const long n = rig->ours.ops->read(&rig->ours, text, sizeof text - 1);
    assert_int_equal(n, strlen(want));
    assert_string_equal(text, want);
}

static int in_the_socket(const struct rig *rig)
{
    int n = -1;
    ioctl(rig->ours.fd, FIONREAD, &n);
    return n;
}

static void test_what_was_read_is_taken_with_a_write(void **state)
{
    (void)state;
    struct rig rig = start();
    const struct iovec parts[] = {{(char *)(uintptr_t) "ask", 3}, {(char *)(uintptr_t) " on", 3}};
    they_say(&rig, "one two");
    we_read(&rig, "one two");
    assert_int_equal(in_the_socket(&rig), 7);
    assert_int_equal(rig.ours.ops->write(&rig.ours, parts, 2), 6);
    assert_int_equal(in_the_socket(&rig), 0);
    they_say(&rig, "three");
    we_read(&rig, "three");
    assert_int_equal(rig.ours.ops->write(&rig.ours, parts, 1), 3);
    rig.ours.ops->close(&rig.ours);
    close(rig.theirs);
}

static void test_what_was_read_is_not_read_again(void **state)
{
    (void)state;
    struct rig rig = start();
    char byte = 0;
    they_say(&rig, "one");
    we_read(&rig, "one");
    assert_int_equal(rig.ours.ops->read(&rig.ours, &byte, 1), STREAM_AGAIN);
    they_say(&rig, "xy");
    assert_int_equal(rig.ours.ops->read(&rig.ours, &byte, 1), 1);
    assert_int_equal(in_the_socket(&rig), 1); /* there is more: nothing waits for a write */
    assert_int_equal(rig.ours.ops->read(&rig.ours, &byte, 1), 1);
    assert_int_equal(byte, 'y');
    shutdown(rig.theirs, SHUT_WR);
    long n;
    while ((n = rig.ours.ops->read(&rig.ours, &byte, 1)) == STREAM_AGAIN)
        ;
    assert_int_equal(n, 0);
    rig.ours.ops->close(&rig.ours);
    close(rig.theirs);
}

static void test_a_close_is_no_reset(void **state)
{
    (void)state;
    struct rig rig = start();
    char text[16];
    they_say(&rig, "all of it");
    we_read(&rig, "all of it");
    rig.ours.ops->close(&rig.ours);
    assert_int_equal(recv(rig.theirs, text, sizeof text, 0), 0);
    close(rig.theirs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_read_is_taken_with_a_write),
        cmocka_unit_test(test_what_was_read_is_not_read_again),
        cmocka_unit_test(test_a_close_is_no_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
