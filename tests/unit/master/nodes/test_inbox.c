// SPDX-License-Identifier: MIT
/* Who may say what, and whose business it is. test_mail.c has the order and the flood. */
#include "common/wire/pack.h"
#include "common/wire/report.h"
#include "tests/unit/nodes_bench.h"
#include <unistd.h>

static void says(struct bench *b, const char *node, enum message_kind kind, const char *token)
{
    struct message msg = {.kind = kind};
    snprintf(msg.token, sizeof msg.token, "%s", token);
    inbox_handle(&b->nodes, node, &msg);
}

static void what_workers_say_reaches_the_machine(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    join(b, "w", false);
    says(b, "w", MESSAGE_SPAWNING, "");
    says(b, "w", MESSAGE_SPAWNING_COMPLETE, "");
    says(b, "w", MESSAGE_CLIENT_STOPPED, "");
    says(b, "w", MESSAGE_QUIT, "");
    assert_seen(b, "spawns:w users:w stopped:w quits:w", "katydid_gone>host");
    free_bench(b);
}

static void strangers_and_workers_that_left_are_only_counted(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    static const enum message_kind kinds[] = {
        MESSAGE_STATS,  MESSAGE_SPAWNING, MESSAGE_QUIT, MESSAGE_CLIENT_STOPPED, MESSAGE_CALL,
        MESSAGE_CUSTOM, MESSAGE_TICKED,   MESSAGE_DONE, MESSAGE_EXCEPTION};
    const size_t count = sizeof kinds / sizeof *kinds;
    join(b, "w", false)->state = WORKER_GONE;
    for (size_t i = 0; i < count; i++) {
        says(b, "nobody", kinds[i], "");
        says(b, "w", kinds[i], "");
    }
    assert_seen(b, "", "");
    assert_int_equal(b->record.trouble.stray, 2 * count);
    free_bench(b);
}

static void a_worker_may_say_that_it_will_not_join(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct message msg = {.kind = MESSAGE_EXCEPTION,
                          .exception = {.has_ended = true, .exit_code = 7}};
    inbox_handle(&b->nodes, "nobody", &msg);
    assert_seen(b, "", "");
    assert_int_equal(b->record.trouble.stray, 0);
    assert_null(roster_find(&b->machine.roster, "nobody"));
    free_bench(b);
}

/* What only the host may say. */
static void a_worker_does_not_speak_for_the_host(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    static const enum message_kind kinds[] = {MESSAGE_SCRIPT, MESSAGE_TICKED, MESSAGE_DONE,
                                              MESSAGE_ANSWER, MESSAGE_WEB,    MESSAGE_WANT};
    join(b, "w", false);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        says(b, "w", kinds[i], "");
    assert_seen(b, "", "");
    assert_int_equal(b->record.trouble.stray, sizeof kinds / sizeof *kinds);
    free_bench(b);
}

static void nobody_ends_the_part_of_one_of_ours(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct worker *w = join(b, "w", true);
    says(b, "w", MESSAGE_CLIENT_STOPPED, w->token);
    assert_seen(b, "stopped:w", "");
    says(b, "w", MESSAGE_QUIT, "guessed");
    says(b, "w", MESSAGE_CLIENT_STOPPED, "");
    says(b, "w", MESSAGE_CALL, "");
    assert_seen(b, "", "");
    assert_int_equal(b->record.trouble.stray, 3);
    says(b, "w", MESSAGE_QUIT, w->token);
    assert_seen(b, "quits:w", "katydid_gone>host");
    free_bench(b);
}

/* The user's own messages, from workers to the host and back. */
static void messages_of_users_are_passed_on(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct message msg = {.kind = MESSAGE_CUSTOM, .type = {"mine", 4}, .data = {"\xc0", 1}};
    join(b, "a", false);
    join(b, "b", true);
    join(b, "gone", false)->state = WORKER_GONE;
    inbox_handle(&b->nodes, "a", &msg);
    assert_seen(b, "", "mine>host");
    inbox_handle(&b->nodes, "host", &msg);
    assert_seen(b, "", "mine>a mine>b");
    msg.node = (struct slice){"b", 1};
    inbox_handle(&b->nodes, "host", &msg);
    assert_seen(b, "", "mine>b");
    free_bench(b);
}

static void a_report_is_acknowledged_and_its_users_are_told(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct stats s;
    struct sbuf bytes = {0};
    struct class_users users = {(char *)(uintptr_t) "Visitor", 3};
    struct worker *w = join(b, "w", true);
    run_start(&b->machine.run, 3, 1, 0, 7, bench_now(b));
    stats_init(&s, bench_wall(b), STATS_LIMITS_DEFAULT);
    stats_add(&s, stats_row(&s, "GET", 3, "/", 1), bench_wall(b), 1000, 1);
    report_pack(&s, &bytes);
    struct message msg = {.kind = MESSAGE_STATS};
    msg.stats = (struct message_stats){.is_katydid = true,
                                       .epoch = "e",
                                       .seq = 1,
                                       .sent_at = bench_wall(b),
                                       .report = {bytes.data, bytes.len},
                                       .users = {&users, 1, 3}};
    snprintf(msg.stats.run, sizeof msg.stats.run, "%s", b->machine.run.id);
    inbox_handle(&b->nodes, "w", &msg);
    assert_seen(b, "users:w", "katydid_ack>w");
    inbox_handle(&b->nodes, "w", &msg); /* the acknowledgement was lost on the way */
    assert_seen(b, "users:w", "katydid_ack>w");
    assert_int_equal(w->users, 3);
    assert_int_equal(b->record.stats.total.requests, 1);
    stats_fini(&s);
    sbuf_fini(&bytes);
    free_bench(b);
}

static void a_stock_report_is_an_event(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    join(b, "w", false);
    says(b, "w", MESSAGE_STATS, "");
    assert_seen(b, "report:w", "");
    free_bench(b);
}

/* Questions for the locustfile's sources go to the host, answers to who asked. */
static void the_locustfile_is_asked_of_the_host(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct message msg = {
        .kind = MESSAGE_LOCUSTFILE, .type = {"locustfile", 10}, .data = {"\xc0", 1}};
    inbox_handle(&b->nodes, "w", &msg); /* before it is there nobody answers */
    assert_seen(b, "", "");
    b->nodes.host.has_script = true;
    inbox_handle(&b->nodes, "w", &msg);
    assert_seen(b, "", "locustfile>host");
    msg.node = (struct slice){"w", 1};
    inbox_handle(&b->nodes, "host", &msg);
    assert_seen(b, "", "locustfile>w");
    free_bench(b);
}

static void orders_that_cannot_be_sent_stay_due(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    static const struct dispatch_class classes[] = {{"Visitor", 1, 0, false}};
    join(b, "w", true);
    b->machine.dispatch = dispatch_new(classes, 1);
    dispatch_add_worker(b->machine.dispatch, "w");
    dispatch_aim(b->machine.dispatch, 2, 2, NULL);
    dispatch_step(b->machine.dispatch);
    b->is_full = true;
    outbox_changed(&b->nodes);
    assert_true(dispatch_find_worker(b->machine.dispatch, "w")->is_changed);
    b->is_full = false;
    outbox_changed(&b->nodes);
    assert_seen(b, "", "spawn>w");
    outbox_changed(&b->nodes);
    assert_seen(b, "", "");
    free_bench(b);
}

/* A master that has not time enough says so, and asks for fewer reports. */
static void who_is_behind_says_so(void **unused)
{
    (void)unused;
    struct bench *b = new_bench();
    struct inbox *in = &b->nodes.inbox;
    in->has_unread = true;
    in->unread_since = b->now;
    b->now += 5;
    inbox_second(&b->nodes);
    snprintf(b->nodes.notice, sizeof b->nodes.notice, "Everything has arrived.");
    assert_true(in->is_behind);
    assert_string_not_equal(inbox_notice(&b->nodes), b->nodes.notice);
    assert_true(in->report_interval_s > 1.4);
    assert_true(inbox_delay_s(&b->nodes) > 5);
    b->now += 3;
    assert_true(inbox_behind_s(&b->nodes) > 2.9 && inbox_behind_s(&b->nodes) < 3.1);
    in->has_unread = false;
    inbox_second(&b->nodes);
    assert_false(in->is_behind);
    assert_string_equal(inbox_notice(&b->nodes), "Everything has arrived."); /* as before */
    nodes_clear(&b->nodes); /* of the next run nothing is known */
    assert_true(inbox_behind_s(&b->nodes) <= 0);
    free_bench(b);
}

/* ---- the host's link ---- */

static struct link *bound(char endpoint[64], const char *name)
{
    char *why = NULL;
    snprintf(endpoint, 64, "ipc:///tmp/katydid-inbox-%s-%d", name, (int)getpid());
    struct link *l = link_bind(endpoint, &why);
    assert_non_null(l);
    return l;
}

/* From whoever connects there by the host's name. */
static struct link *answer(const char *endpoint, uint64_t id)
{
    char *why = NULL;
    struct sbuf out = {0};
    struct link *l = link_connect(endpoint, "host", &why);
    assert_non_null(l);
    pack_array(&out, 3);
    pack_text(&out, "katydid_done");
    pack_map(&out, 2);
    pack_text(&out, "id");
    pack_whole(&out, id);
    pack_text(&out, "unhandled");
    pack_whole(&out, 0);
    pack_text(&out, "host");
    assert_int_equal(link_send(l, NULL, out.data, out.len), LINK_OK);
    sbuf_fini(&out);
    return l;
}

static void fill_mail(struct bench *b)
{
    struct mail *m = &b->nodes.inbox.mail;
    while (!mail_is_full(m)) {
        struct link_message raw = {strdup("w"), calloc(1, 16 << 20), 16 << 20};
        mail_put(m, &raw, (struct clk_moment){b->now, b->now});
    }
}

struct two_links {
    struct bench *b;
    char workers[64], host[64];
};

static struct two_links new_links(void)
{
    struct two_links t = {.b = new_bench()};
    struct nodes *n = &t.b->nodes;
    n->link = bound(t.workers, "workers");
    n->host.link = bound(t.host, "host");
    n->host.has_script = true;
    script_fire(n, HEAR_TEST_STOPPING, 0, &(struct event_args){0});
    assert_seen(t.b, "", "katydid_event>host");
    alarm(60);
    return t;
}

static void free_links(struct two_links *t, struct link *peer)
{
    struct nodes *n = &t->b->nodes;
    alarm(0);
    link_close(peer, 0);
    link_close(n->host.link, 0);
    link_close(n->link, 0);
    mail_fini(&n->inbox.mail);
    unlink(t->workers + strlen("ipc://"));
    unlink(t->host + strlen("ipc://"));
    free_bench(t->b);
}

/* A stop waits for its answer, however many reports are to be read before. */
static void the_host_is_heard_while_the_mail_is_full(void **unused)
{
    (void)unused;
    struct two_links t = new_links();
    struct link *host = answer(t.host, t.b->nodes.host.last_event);
    while (!t.b->events.len) {
        fill_mail(t.b);
        inbox_drain(&t.b->nodes);
        usleep(1000);
    }
    assert_seen(t.b, "host-says heard:test_stopping", "");
    free_links(&t, host);
}

static void nobody_is_the_host_by_the_workers_link(void **unused)
{
    (void)unused;
    struct two_links t = new_links();
    struct link *impostor = answer(t.workers, t.b->nodes.host.last_event);
    while (!t.b->record.trouble.stray) {
        inbox_drain(&t.b->nodes);
        usleep(1000);
    }
    assert_seen(t.b, "", "");
    free_links(&t, impostor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_workers_say_reaches_the_machine),
        cmocka_unit_test(a_worker_may_say_that_it_will_not_join),
        cmocka_unit_test(strangers_and_workers_that_left_are_only_counted),
        cmocka_unit_test(a_worker_does_not_speak_for_the_host),
        cmocka_unit_test(nobody_ends_the_part_of_one_of_ours),
        cmocka_unit_test(messages_of_users_are_passed_on),
        cmocka_unit_test(a_report_is_acknowledged_and_its_users_are_told),
        cmocka_unit_test(a_stock_report_is_an_event),
        cmocka_unit_test(the_locustfile_is_asked_of_the_host),
        cmocka_unit_test(orders_that_cannot_be_sent_stay_due),
        cmocka_unit_test(who_is_behind_says_so),
        cmocka_unit_test(the_host_is_heard_while_the_mail_is_full),
        cmocka_unit_test(nobody_is_the_host_by_the_workers_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
