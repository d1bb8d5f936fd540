// SPDX-License-Identifier: MIT
/* master: makes everything, wires it up, runs the loop, takes it down again.
 *
 * The order of a start: descriptors → link → children → (the host's script arrives) → page →
 * files → the run, when it begins by itself. Whatever fails on the way says so on stderr, ends the
 * children and gives its exit code. */
#include "master/web/audit.h"
#include "master/app/master.h"
#include "common/base/clk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/base/secret.h"
#include "master/app/baseline.h"
#include "master/app/core.h"
#include "common/run/exit_code.h"
#include "common/wire/keys.h"
#include "master/app/descriptors.h"
#include "master/app/keys_given.h"
#include "master/app/repeat.h"
#include "master/app/retry.h"
#include "master/app/resolve.h"
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define FILES_ENOUGH (1ul << 20)
#define LAST_LINES_S 2      /* of the log: for a disk, or when the end is forced */
#define LINK_BUSY 300       /* messages in a second, and */
#define LINK_PAUSE_US 10000 /* the link is looked at so often */

/* ---- before the loop ---- */

/* Children inherit the limit, so it is raised before they start. */
static void raise_file_limit(struct master *m)
{
    unsigned long needed = files_needed(fmax(m->o->users, 0), processes_wanted(m->o));
    m->file_limit = files_raise_limit(needed > FILES_ENOUGH ? needed : FILES_ENOUGH);
}

/* The process ends in order, with that exit code if nothing stronger comes. */
static void give_up(struct master *m, int code)
{
    run_on(m, &(struct machine_event){.kind = ON_FAULT, .number = code});
    run_on(m, &(struct machine_event){.kind = ON_QUIT});
}

/* Only our own worker processes have our limit, and only users with connections of their own
 * need it. */
static bool has_enough_files(struct master *m)
{
    int processes = processes_wanted(m->o);
    unsigned long needed = files_needed(m->machine.load.users, processes);
    if (processes == 0 || !m->nodes.host.script.has_connections || needed <= m->file_limit)
        return true;
    give_up(m, master_failure(EXIT_FILES, files_advice(m->file_limit, needed)));
    return false;
}

/* Users that talk to no server do not care where it is. */
static bool has_good_host(struct master *m)
{
    char *why = NULL;
    bool sends_here =
        !m->o->master; /* workers elsewhere may know names that this machine does not */
    if (!sends_here || !m->nodes.host.script.has_connections || !m->o->host ||
        m->nodes.host.script.has_proxies || resolve_check(m->o->host, &why) == 0)
        return true;
    give_up(m, master_failure(EXIT_RESOLVE, why));
    return false;
}

/* The command line's is above 0; a listener of `init` may have set another. */
static bool has_good_rate(struct master *m)
{
    if (m->machine.load.spawn_rate > 0)
        return true;
    log_error(MAIN_LOGGER, "spawn_rate must be > 0, got %g", m->machine.load.spawn_rate);
    give_up(m, EXIT_UNHANDLED);
    return false;
}

static char *worker_address(const struct options *o, int port)
{
    const char *host = o->master_bind_host;
    return sbuf_words(strchr(host, ':') && host[0] != '[' ? "tcp://[%s]:%d" : "tcp://%s:%d", host,
                      port);
}

/* Our own processes come in by a door that other machines do not see. */
static bool listen_with_keys(struct master *m, char **why)
{
    struct keys k;
    if (!keys_given_master(m->o->keys, &k, why))
        return false;
    char *keyed = worker_address(m->o, m->o->master_bind_port);
    char *open = m->o->allow_stock ? worker_address(m->o, m->o->allow_stock) : NULL;
    const bool is_good = (!open || link_listen(m->nodes.link, open, NULL, why)) &&
                         link_listen(m->nodes.link, keyed, &k, why);
    free(keyed);
    free(open);
    return is_good;
}

#define IPC_ROOM (sizeof "ipc://" - 1 + sizeof((struct sockaddr_un *)0)->sun_path)

static int bind_host_link(struct master *m)
{
    char *why = NULL;
    if (m->nodes.is_local)
        return 0;
    char *at = sbuf_words("ipc://%s/host", m->nodes.children.folder);
    if (strlen(at) >= IPC_ROOM) { /* below a long $TMPDIR: it comes by the workers' then */
        free(at);
        return 0;
    }
    m->nodes.host.link = link_bind(at, &why);
    free(at);
    return m->nodes.host.link ? 0 : master_failure(EXIT_ADDRESS, why);
}

static int bind_link(struct master *m)
{
    char *why = NULL;
    const bool is_far = m->o->master && !processes_are_only_asked(m->o);
    m->has_keys = is_far && m->o->keys;
    char *first = is_far && !m->has_keys ? worker_address(m->o, m->o->master_bind_port)
                                         : sbuf_words("ipc://%s/link", m->nodes.children.folder);
    m->nodes.link = link_bind(first, &why);
    free(first);
    if (!m->nodes.link)
        return master_failure(EXIT_ADDRESS, why);
    if (!m->has_keys || listen_with_keys(m, &why))
        return bind_host_link(m);
    return master_failure(strncmp(why, "--keys", 6) ? EXIT_ADDRESS : EXIT_USAGE, why);
}

/* ---- in the loop ---- */

static void warn_of_ignored_options(const struct master *m)
{
    if (m->o->expect_workers > 1 && m->nodes.is_local)
        log_warning(MAIN_LOGGER, "--expect-workers has no effect without --master");
    const struct script *s = &m->nodes.host.script;
    if (!s->has_shape || s->shape_uses_options ||
        (m->o->users < 0 && m->o->spawn_rate < 0 && m->o->run_time_s <= 0))
        return;
    log_warning(MAIN_LOGGER,
                "--run-time, --users or --spawn-rate have no impact on LoadShapes unless the "
                "shape class explicitly reads them. See: "
                "docs.locust.io/en/stable/custom-load-shape.html#use-common-options");
    struct sbuf names = {0};
    sbuf_adds(&names, m->o->users >= 0 ? ", --users" : "");
    sbuf_adds(&names, m->o->spawn_rate >= 0 ? ", --spawn-rate" : "");
    sbuf_adds(&names, m->o->run_time_s > 0 ? ", --run-time" : "");
    log_warning(MAIN_LOGGER, "The following option(s) will be ignored: %s", names.data + 2);
    sbuf_fini(&names);
}

static void warn_of_fixed_users(const struct master *m)
{
    double fixed = 0;
    for (size_t i = 0; i < m->nodes.host.script.class_count; i++)
        fixed += m->nodes.host.script.classes[i].fixed_count;
    if (!m->nodes.host.script.has_shape && m->o->users > 0 && fixed > m->o->users)
        log_info(MAIN_LOGGER,
                 "Total fixed_count of User classes (%.0f) is greater than the specified number of "
                 "users (%.0f), so not all will be spawned.",
                 fixed, m->o->users);
}

static bool is_loopback(const char *endpoint)
{
    return !strncmp(endpoint, "ipc:", 4) || !strncmp(endpoint, "tcp://127.", 10) ||
           !strncmp(endpoint, "tcp://[::1]:", 12);
}

static void warn_of_open_port(const struct master *m)
{
    if (!m->o->master || m->o->insecure)
        return;
    if (m->has_keys && m->o->allow_stock)
        log_warning(MAIN_LOGGER,
                    "Port %d is open to workers without a key (--allow-stock): whoever reaches it "
                    "can read the locustfile and the options, join as a worker and stop the test",
                    m->o->allow_stock);
    if (m->has_keys || is_loopback(link_endpoint(m->nodes.link)))
        return;
    const char *text =
        "THE PORT FOR WORKERS IS OPEN to other machines, without keys: whoever reaches it can read "
        "the locustfile and the options, join as a worker and stop the test. Make keys with: "
        "katydid keys new FILE, and give --keys FILE here and --join to the workers; or give "
        "--master-bind-host, or --insecure for a network that you trust";
    if (m->o->is_locust) /* whose words are Locust's */
        log_debug(MAIN_LOGGER, "%s", text);
    else
        log_warning(MAIN_LOGGER, "%s", text);
}

/* Once a second at most. */
static void tell_of_strangers(struct master *m)
{
    const uint64_t all = link_strangers(m->nodes.link);
    if (all == m->strangers)
        return;
    log_warning(MAIN_LOGGER,
                "%" PRIu64 " connection%s without this cluster's key turned away (%" PRIu64
                " since the start): a worker of it needs --join",
                all - m->strangers, all - m->strangers == 1 ? "" : "s", all);
    m->strangers = all;
}

/* The locustfile is loaded: what follows could not be known before. */
static void open_doors(struct master *m)
{
    int code = gates_script_came(m);
    if (code == 0)
        code = plans_script_came(m);
    if (code == 0 && m->o->check_thresholds)
        gates_print(m);
    if (code == 0 && m->o->show_plan)
        plans_print(m);
    if (code != 0 || processes_are_only_asked(m->o)) {
        run_on(m, &(struct machine_event){.kind = ON_LEAVE,
                                          .number = exit_code_as(m->o->is_locust, code)});
        return;
    }
    log_info(MAIN_LOGGER, "Starting Locust " LOCUST_VERSION "%s%s",
             m->o->is_locust ? "" : " (Katydid " KATYDID_VERSION ")",
             m->nodes.host.script.has_opentelemetry ? ", OpenTelemetry enabled" : "");
    if (m->o->autostart && m->o->headless)
        log_info(MAIN_LOGGER,
                 "The --autostart argument is implied by --headless, no need to set both.");
    warn_of_open_port(m);
    warn_of_fixed_users(m);
    warn_of_ignored_options(m);
    if (m->nodes.host.script.has_shape)
        m->machine.load.run_time_s = 0;
    code = page_open(m);
    if (code == 0)
        code = results_open(m);
    if (code == 0)
        keyboard_open(m);
    if (code != 0)
        run_on(m, &(struct machine_event){.kind = ON_LEAVE,
                                          .number = exit_code_as(m->o->is_locust, code)});
    run_on(m, &(struct machine_event){.kind = ON_OPEN});
}

static size_t expected_workers(const struct master *m)
{
    if (m->nodes.is_local)
        return 1;
    if (!m->o->master) /* those that are left of our own */
        return children_running(&m->nodes.children) - m->nodes.host.is_alive;
    return m->o->expect_workers > 0 ? (size_t)m->o->expect_workers : 1;
}

static void begin_automatic_run(struct master *m)
{
    results_begin(m);
    if (m->machine.load.users < 0)
        m->machine.load.users = 1;
    if (m->machine.load.spawn_rate < 0)
        m->machine.load.spawn_rate = 1;
    if (!has_good_host(m) ||
        (!m->nodes.host.script.has_shape && (!has_good_rate(m) || !has_enough_files(m))))
        return;
    if (m->machine.load.run_time_s > 0)
        log_info(MAIN_LOGGER, "Run time limit set to %.0f seconds", m->machine.load.run_time_s);
    else if (!m->nodes.host.script.has_shape)
        log_info(MAIN_LOGGER, "No run time limit set, use CTRL+C to interrupt");
    page_audit(m, "command line", "start",
               m->nodes.host.script.has_shape || m->plans.list.count ? -1 : m->machine.load.users);
    const char *refusal =
        m->nodes.host.script.has_shape ? script_begin_shape(&m->nodes) : run_begin(m);
    if (refusal)
        log_error(MAIN_LOGGER, "%s", refusal);
}

/* Not while the host loads the locustfile: it may end for the same reason, and says it. */
static void tell_of_early_ends(struct master *m)
{
    struct children *all = &m->nodes.children;
    for (size_t i = 0; i < all->count && m->machine.finish == FINISH_NOT; i++) {
        struct child *c = &all->list[i];
        if (c->pid > 0 || c->is_told)
            continue;
        c->is_told = true;
        log_error(MAIN_LOGGER, "A worker process ended (exit code %d) before it could join",
                  child_exit_code(c));
    }
}

static void after_messages(struct master *m)
{
    if (!m->machine.is_open && m->machine.finish != FINISH_DONE && m->nodes.host.has_script &&
        !(m->nodes.is_local && nodes_is_alone(&m->nodes)))
        open_doors(m);
    if (m->nodes.host.has_script)
        tell_of_early_ends(m);
    run_on(m, &(struct machine_event){.kind = ON_EXPECT,
                                      .expected = expected_workers(m),
                                      .has_script = m->nodes.host.has_script});
}

/* Without a page the process ends with the test. */
static void judge(struct master *m)
{
    judging_advance(m);
    if (plans_follow_on(m))
        run_limit_to(m, plans_run_time_s(m));
    if (plans_are_done(m))
        run_on(m, &(struct machine_event){.kind = ON_END, .reason = END_DONE});
    if (m->judging.wants_stop)
        run_on(m, &(struct machine_event){.kind = m->o->headless ? ON_QUIT : ON_STOP});
    m->judging.wants_stop = false;
}

/* Each message that wakes a thread costs more than to look at it: where many come, they are taken
 * off together. The pause is none while there is mail to be handled. */
static void look_later(struct master *m)
{
    const struct timeval pause = {0, inbox_is_behind(&m->nodes) ? 0 : LINK_PAUSE_US};
    event_add(m->drain, &pause);
}

static void on_link(evutil_socket_t fd, short what, void *arg)
{
    struct master *m = arg;
    (void)fd;
    (void)what;
    inbox_drain(&m->nodes);
    after_messages(m);
    judge(m);
    if (m->is_link_paced)
        look_later(m);
}

static void pace_link(struct master *m)
{
    const bool is_paced = m->nodes.inbox.taken > LINK_BUSY;
    m->nodes.inbox.taken = 0;
    if (is_paced == m->is_link_paced)
        return;
    m->is_link_paced = is_paced;
    if (is_paced)
        event_del(m->link_event);
    else
        event_add(m->link_event, NULL);
    look_later(m);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct master *m = arg;
    (void)fd;
    (void)what;
    m->wake_at = 0;
    run_on(m, &(struct machine_event){.kind = ON_TIME, .is_behind = inbox_is_behind(&m->nodes)});
}

static void on_second(evutil_socket_t fd, short what, void *arg)
{
    struct master *m = arg;
    (void)fd;
    (void)what;
    inbox_drain(&m->nodes);
    after_messages(m);
    absence_second(&m->nodes);
    inbox_second(&m->nodes);
    pace_link(m);
    tell_of_strangers(m);
    registry_second(&m->nodes);
    run_on(m, &(struct machine_event){.kind = ON_SECOND,
                                      .is_behind = inbox_is_behind(&m->nodes),
                                      .children = children_running(&m->nodes.children)});
    script_second(&m->nodes);
    questions_second(m);
    reload_second(m);
    weighing_second(m);
    plans_second(m);
    plans_tell_stages(m);
    if (plans_control_second(m))
        run_limit_to(m, plans_run_time_s(m));
    record_second(&m->record, master_now(), inbox_delay_s(&m->nodes));
    script_stats_second(&m->nodes);
    judge(m);
    publish_view(m);
    retry_second(m);
    results_second(m);
}

static void on_bridge(evutil_socket_t fd, short what, void *arg)
{
    struct master *m = arg;
    (void)fd;
    (void)what;
    bridge_run_commands(m->bridge, commands_execute, m);
}

static void on_host_ended(struct master *m, const struct child *c)
{
    run_on(m, &(struct machine_event){.kind = ON_HOST_ENDED,
                                      .number = child_exit_code(c),
                                      .signal = child_signal(c),
                                      .has_script = m->nodes.host.has_script,
                                      .is_loading =
                                          !m->nodes.host.has_script || questions_is_loading(m)});
    m->nodes.host.is_alive = m->nodes.host.is_tick_out = false;
    questions_host_ended(m);
    script_forget_events(&m->nodes);
}

static void on_child(evutil_socket_t fd, short what, void *arg)
{
    struct master *m = arg;
    (void)fd;
    (void)what;
    inbox_flush(&m->nodes);
    for (struct child *c = children_reap(&m->nodes.children); c;
         c = children_reap(&m->nodes.children)) {
        bool is_host = c->node_id && !strcmp(c->node_id, m->nodes.host.node_id);
        if (is_host)
            on_host_ended(m, c);
        else if (child_signal(c) == 0 && child_exit_code(c) > m->worst_worker_code)
            m->worst_worker_code = child_exit_code(c);
        if (m->machine.finish < FINISH_LAST_EVENT) {
            inbox_flush(&m->nodes); /* its last words, `quit` above all */
            registry_process_ended(&m->nodes, c->node_id, child_exit_code(c));
        }
        c->is_told = is_host || !c->node_id || roster_find(&m->machine.roster, c->node_id);
    }
    questions_loaded_anew(m); /* one less may be waited for */
    after_messages(m);
    run_on(m, &(struct machine_event){.kind = ON_CHILDREN,
                                      .children = children_running(&m->nodes.children)});
}

static void on_stop_signal(evutil_socket_t signal_number, short what, void *arg)
{
    struct master *m = arg;
    (void)what;
    page_audit(m,
               signal_number == SIGINT   ? "SIGINT"
               : signal_number == SIGHUP ? "SIGHUP"
                                         : "SIGTERM",
               "quit", -1);
    run_on(m, &(struct machine_event){.kind = ON_SIGNAL,
                                      .number = (int)signal_number,
                                      .has_script = m->machine.is_open});
}

/* ---- lifetimes ---- */

static void make_events(struct master *m)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction hangup;
    bool is_nohup = sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler == SIG_IGN;
    m->base = event_base_new();
    m->wake = event_new(m->base, -1, 0, on_wake, m);
    m->drain = event_new(m->base, -1, 0, on_link, m);
    m->second = event_new(m->base, -1, EV_PERSIST, on_second, m);
    m->bridge_event = event_new(m->base, bridge_fd(m->bridge), EV_READ | EV_PERSIST, on_bridge, m);
    m->signals[0] = evsignal_new(m->base, SIGCHLD, on_child, m);
    for (size_t i = 0; i < (is_nohup ? 2 : 3); i++)
        m->signals[i + 1] = evsignal_new(m->base, numbers[i], on_stop_signal, m);
    event_add(m->bridge_event, NULL);
    for (size_t i = 0; i < sizeof m->signals / sizeof *m->signals && m->signals[i]; i++)
        event_add(m->signals[i], NULL);
    suspend_open(m);
    event_add(m->second, &(struct timeval){1, 0});
    signal(SIGPIPE, SIG_IGN);
}

static void init(struct master *m, const struct options *o)
{
    m->live = *o;
    m->o = &m->live;
    m->nodes.is_local = !o->master && o->processes == 0;
    m->is_auto = o->headless || o->autostart;
    m->begin = begin_automatic_run;
    m->machine.load.users = o->users;
    m->machine.load.spawn_rate = o->spawn_rate;
    m->machine.load.run_time_s = o->run_time_s;
    m->machine.load.host = o->host && o->host[0] ? mem_strdup(o->host) : NULL;
    m->options_json = options_json(o);
    secret_hex(m->nodes.boot_id, sizeof m->nodes.boot_id - 1);
    processes_node_id(m->nodes.host.node_id, sizeof m->nodes.host.node_id);
    m->tunables = tunables_usual;
    m->settle_s = run_settle_s();
    m->judging.verdict = verdict_new();
    m->bridge = bridge_new();
    m->logs = logs_new();
    m->node_logs = node_logs_new(m->logs);
    node_logs_attach(m->node_logs);
    wiring_make(m);
    record_init(&m->record, (size_t)o->timeline_memory_mb << 20, master_now().unix_time);
    make_events(m);
}

static struct event *hear_link(struct master *m, const struct link *l)
{
    struct event *e = event_new(m->base, link_fd(l), EV_READ | EV_PERSIST, on_link, m);
    event_add(e, NULL);
    return e;
}

static int serve(struct master *m)
{
    char *why = NULL;
    raise_file_limit(m);
    int code = page_prepare(m);
    if (code == 0)
        code = gates_open(m);
    if (code == 0)
        code = baseline_open(m);
    repeat_open(m);
    if (code == 0)
        code = plans_open(m);
    if (code == 0)
        code = weighing_open(m);
    if (code == 0)
        code = receivers_open(m);
    if (code != 0)
        return code;
    if (children_open(&m->nodes.children, &why) != 0)
        code = master_failure(EXIT_FAILED, why);
    if (code == 0)
        code = bind_link(m);
    if (code == 0)
        code = processes_start(m);
    if (code != 0)
        return exit_code_as(m->o->is_locust, code);
    m->link_event = hear_link(m, m->nodes.link);
    if (m->nodes.host.link)
        m->host_event = hear_link(m, m->nodes.host.link);
    m->nodes.above.soon(m);
    event_base_dispatch(m->base);
    return m->machine.exit_code;
}

static void end_children(struct master *m)
{
    children_signal(&m->nodes.children, SIGKILL);
    for (int i = 0; i < 200 && children_running(&m->nodes.children) > 0; i++) {
        while (children_reap(&m->nodes.children))
            ;
        usleep(5000);
    }
    children_close(&m->nodes.children);
}

/* For scripts that read Locust's log. */
static void tell_of_worker_codes(const struct master *m)
{
    if (m->o->is_locust && m->o->processes != 0 && m->worst_worker_code > 1)
        log_error("root", "Bad response code from worker children: %d", m->worst_worker_code);
}

static void fini(struct master *m)
{
    struct event *events[] = {m->link_event, m->host_event,   m->drain,      m->second,
                              m->wake,       m->bridge_event, m->signals[0], m->signals[1],
                              m->signals[2], m->signals[3]};
    page_close(m);
    audit_close(m->audit);
    keyboard_close(m);
    tell_of_worker_codes(m);
    results_close(m);
    link_close(m->nodes.host.link, 500);
    link_close(m->nodes.link, 500);
    end_children(m);
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (events[i])
            event_free(events[i]);
    suspend_close(m);
    event_base_free(m->base);
    script_fini(&m->nodes.host.script);
    free(m->nodes.host.setup.data);
    reload_fini(m);
    script_free_events(&m->nodes);
    script_forget_tick(&m->nodes);
    mail_fini(&m->nodes.inbox.mail);
    machine_fini(&m->machine);
    retry_fini(m); /* its thread may log */
    bridge_free(m->bridge);
    node_logs_detach();
    node_logs_free(m->node_logs);
    logs_free(m->logs);
    free(m->nodes.host.web.extensions);
    record_fini(&m->record);
    gates_fini(m);
    receivers_fini(m);
    spans_fini(m);
    baseline_fini(m);
    repeat_fini(m);
    plans_fini(m);
    weighing_fini(m);
    verdict_free(m->judging.verdict);
    free(m->page_url);
    free(m->options_json);
}

int master_run(const struct options *o)
{
    struct master *m = mem_zalloc(sizeof *m);
    log_write_behind();
    init(m, o);
    int code = serve(m);
    bool is_hurried = m->machine.is_hurried;
    fini(m);
    free(m);
    libevent_global_shutdown();
    /* Whoever reads stderr reads it to the end, and signals end us again; a disk may be broken. */
    log_settle(o->logfile || is_hurried ? LAST_LINES_S : SPOOL_FOREVER);
    return code;
}
