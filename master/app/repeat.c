// SPDX-License-Identifier: MIT
#include "master/app/repeat.h"
#include "common/base/clk.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/base/secret.h"
#include "common/run/exit_code.h"
#include "master/app/core.h"
#include "master/store/history_words.h"
#include "master/store/narrow.h"
#include "master/store/run_id.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define VARIABLE "KATYDID_REPEAT_RUN" /* "ID NUMBER MOST IS_AUTO FD", of those that are started */
#define RUNS_MOST 100
#define AUTO_MOST 10

/* ---- what both sides know ---- */

struct repeat {
    char id[RUN_ID_SIZE];
    int number, most; /* the first is 1 */
    bool is_auto;
    int fd; /* into which a byte is written when one more is needed */
    bool is_judged, goes_on;
};

static json_t *runs_of(struct history *h, const char *id, bool is_valid)
{
    char tag[RUN_ID_SIZE + 8];
    snprintf(tag, sizeof tag, "repeat=%s", id);
    return history_list(
        h, &(struct history_filter){.tag = tag, .is_valid = is_valid, .state = "done"});
}

static json_t *ids_of(const json_t *runs)
{
    json_t *ids = json_array();
    size_t i;
    const json_t *run;
    json_array_foreach(runs, i, run) json_array_append(ids, json_object_get(run, "id"));
    return ids;
}

static struct history *open_history(const struct options *o)
{
    char *folder = history_folder(o->history), *why = NULL;
    struct history *h = folder ? history_open(folder, false, &why) : NULL;
    free(folder);
    free(why);
    return h;
}

/* ---- one of the runs ---- */

void repeat_open(struct master *m)
{
    const char *told = getenv(VARIABLE);
    struct repeat r = {.fd = -1};
    int is_auto = 0;
    if (told && m->o->repeat &&
        sscanf(told, "%26s %d %d %d %d", r.id, &r.number, &r.most, &is_auto, &r.fd) == 5 &&
        run_id_is(r.id)) {
        r.is_auto = is_auto != 0;
        m->judging.repeat = mem_dup(&r, sizeof r);
        if (fcntl(r.fd, F_SETFD, FD_CLOEXEC) != 0)
            m->judging.repeat->fd = -1;
    }
    unsetenv(VARIABLE); /* it is nobody else's */
}

void repeat_fini(struct master *m)
{
    if (m->judging.repeat && m->judging.repeat->fd >= 0)
        close(m->judging.repeat->fd);
    free(m->judging.repeat);
}

const char *repeat_id(const struct master *m)
{
    return m->judging.repeat ? m->judging.repeat->id : NULL;
}

bool repeat_goes_on(const struct master *m)
{
    return m->judging.repeat && m->judging.repeat->goes_on;
}

json_t *repeat_earlier(const struct master *m, struct history *h)
{
    json_t *earlier = json_array(), *run;
    json_t *all = m->judging.repeat ? runs_of(h, m->judging.repeat->id, true) : NULL;
    size_t i;
    json_array_foreach(all, i, run)
    {
        const char *name = json_string_value(json_object_get(run, "run"));
        if (!name || strcmp(name, m->machine.run.id) != 0) /* it may be stored by now */
            json_array_append(earlier, run);
    }
    json_decref(all);
    return earlier;
}

static bool is_enough(const struct master *m, bool is_valid, const struct gate *gate,
                      struct sbuf *words)
{
    struct history *h = open_history(m->o);
    json_t *runs = h ? repeat_earlier(m, h) : json_array();
    json_t *ids = ids_of(runs);
    const bool is_narrow = narrow_enough(
        &(struct narrow_ask){
            .history = h, .ids = ids, .now = is_valid ? &m->record.stats : NULL, .gate = gate},
        words);
    json_decref(ids);
    json_decref(runs);
    history_close(h);
    return is_narrow;
}

void repeat_judge(struct master *m, bool is_valid, const struct gate *gate)
{
    struct repeat *r = m->judging.repeat;
    if (!r || r->is_judged)
        return;
    r->is_judged = true;
    r->goes_on = r->number < r->most;
    if (!r->is_auto)
        return;
    struct sbuf words = {0};
    const bool is_known = is_enough(m, is_valid, gate, &words);
    if (is_known)
        r->goes_on = false;
    if (r->goes_on && write(r->fd, "m", 1) != 1) {
        log_warning(MAIN_LOGGER, "--repeat: cannot ask for one more run: %s", strerror(errno));
        r->goes_on = false;
    }
    log_info(MAIN_LOGGER, "Run %d of at most %d: %s%s", r->number, r->most,
             words.data ? words.data : "it has no figures",
             r->goes_on            ? ": once more"
             : is_known            ? ""
             : r->number < r->most ? ""
                                   : ", and no more runs are made");
    sbuf_fini(&words);
}

/* ---- the process that starts them ---- */

struct repeating {
    const struct options *o;
    struct repeat run; /* of the one that is on */
    int codes[RUNS_MOST], ended;
    bool is_interrupted, wants_more;
};

bool repeat_is_wanted(const struct options *o)
{
    return o->repeat && !getenv(VARIABLE) && !o->check_thresholds && !o->show_plan;
}

static int refuse(const char *words)
{
    fprintf(stderr, "%s: --repeat: %s\n", options_program(), words);
    return EXIT_USAGE;
}

static int check(struct repeating *r)
{
    const struct options *o = r->o;
    char *end;
    const long most = strtol(o->repeat, &end, 10);
    r->run.is_auto = strcmp(o->repeat, "auto") == 0;
    r->run.most = r->run.is_auto ? AUTO_MOST : (int)most;
    if (!r->run.is_auto && (end == o->repeat || *end || most < 1 || most > RUNS_MOST))
        return refuse("give a number of runs from 1 to 100, or auto");
    if (!o->headless)
        return refuse("only with --headless");
    if (o->master)
        return refuse("not with --master: its workers leave with each run. --processes starts new "
                      "ones");
    if (o->no_history || history_is_off(o->history))
        return refuse("not without the history, which has the runs that are compared");
    return 0;
}

static _Noreturn void be_run(const struct repeating *r, char **argv, pid_t parent, int fd,
                             const sigset_t *mask)
{
    char told[128], own[4096] = "";
    if (readlink("/proc/self/exe", own, sizeof own - 1) < 0)
        snprintf(own, sizeof own, "/proc/self/exe");
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(EXIT_FAILED);
    snprintf(told, sizeof told, "%s %d %d %d %d", r->run.id, r->run.number, r->run.most,
             r->run.is_auto, fd);
    setenv(VARIABLE, told, 1);
    fcntl(fd, F_SETFD, 0);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execv(own, argv);
    execv("/proc/self/exe", argv); /* the program was replaced while it ran */
    fprintf(stderr, "%s: cannot start itself: %s\n", options_program(), strerror(errno));
    _exit(EXIT_FAILED);
}

/* What a terminal sends reaches the run by itself. */
static int wait_for(struct repeating *r, pid_t child, const sigset_t *awaited)
{
    for (;;) {
        siginfo_t about;
        int status = 0;
        const int number = sigwaitinfo(awaited, &about);
        if (number > 0 && number != SIGCHLD) {
            r->is_interrupted = true;
            if (about.si_code != SI_KERNEL)
                kill(child, number);
        }
        if (waitpid(child, &status, WNOHANG) == child)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
}

/* Its exit code. */
static int one_run(struct repeating *r, char **argv)
{
    sigset_t awaited, mask;
    int ends[2];
    char byte;
    sigemptyset(&awaited);
    for (size_t i = 0; i < 5; i++)
        sigaddset(&awaited, (const int[]){SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT}[i]);
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return EXIT_FAILED;
    sigprocmask(SIG_BLOCK, &awaited, &mask);
    const pid_t parent = getpid(), child = fork();
    if (child == 0)
        be_run(r, argv, parent, ends[1], &mask);
    close(ends[1]);
    const int code = child > 0 ? wait_for(r, child, &awaited) : EXIT_FAILED;
    r->wants_more = r->run.is_auto ? read(ends[0], &byte, 1) == 1 : r->run.number < r->run.most;
    close(ends[0]);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    return code;
}

/* The weakest first; a code that is not among them says that there was no run to go on from. */
static int strength(int code)
{
    static const int codes[] = {0,          EXIT_USAGE,      EXIT_FAILED, EXIT_CHECKS,
                                EXIT_WORSE, EXIT_THRESHOLDS, EXIT_INVALID};
    const int count = sizeof codes / sizeof *codes;
    int i = 0;
    while (i < count && codes[i] != code)
        i++;
    return i;
}

static int strongest(const struct repeating *r)
{
    int code = 0;
    for (int i = 0; i < r->ended; i++)
        if (strength(r->codes[i]) > strength(code))
            code = r->codes[i];
    return code;
}

static size_t stored(const struct repeating *r)
{
    struct history *h = open_history(r->o);
    json_t *runs = h ? runs_of(h, r->run.id, false) : NULL;
    const size_t count = json_array_size(runs);
    json_decref(runs);
    history_close(h);
    return count;
}

static const struct gate *gate_of(const struct options *o, struct gate *g)
{
    char *why = NULL;
    if (gate_given(g, o->gate_file, &why) < 0)
        *g = gate_usual; /* a run has said so, and ended */
    free(why);
    return g;
}

static void tell(const struct repeating *r, int code)
{
    struct history *h = open_history(r->o);
    json_t *runs = h ? runs_of(h, r->run.id, false) : json_array();
    json_t *good = h ? runs_of(h, r->run.id, true) : json_array();
    json_t *ids = ids_of(good);
    struct gate gate;
    struct sbuf out = {0};
    sbuf_addf(&out, "\n%d run%s (katydid runs --tag repeat=%s)\n", r->ended,
              r->ended == 1 ? "" : "s", r->run.id);
    history_table(runs, &out);
    if (h)
        narrow_table(&(struct narrow_ask){h, ids, NULL, gate_of(r->o, &gate)}, &out);
    sbuf_adds(&out, "Exit codes of the runs:");
    for (int i = 0; i < r->ended; i++)
        sbuf_addf(&out, " %d", r->codes[i]);
    sbuf_addf(&out, "; exit code %d\n", code);
    fwrite(out.data, 1, out.len, stderr);
    sbuf_fini(&out);
    json_decref(ids);
    json_decref(good);
    json_decref(runs);
    history_close(h);
}

int repeat_run(const struct options *o, char **argv)
{
    struct repeating r = {.o = o};
    unsigned char random[RUN_ID_RANDOM];
    int code = check(&r);
    if (code)
        return code;
    secret_bytes(random, sizeof random);
    run_id_make(r.run.id, clk_wall(), random);
    for (bool goes_on = true; goes_on && r.ended < RUNS_MOST;) {
        r.run.number = r.ended + 1;
        code = r.codes[r.ended++] = one_run(&r, argv);
        goes_on = r.wants_more && !r.is_interrupted && strength(code) < strength(-1);
        if (goes_on && stored(&r) < (size_t)r.ended) {
            if (code == 0)
                code = r.codes[r.ended - 1] =
                    refuse("the run was not stored, so it is not gone on");
            goes_on = false;
        }
    }
    code = strongest(&r);
    tell(&r, code);
    return code;
}
