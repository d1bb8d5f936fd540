// SPDX-License-Identifier: MIT
/* See children.h. Between fork and exec only async-signal-safe calls are made. */
#include "master/nodes/children.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/base/whole.h"
#include "master/nodes/private_folder.h"
#include "master/options/options.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_SOCKET_FOLDER 80 /* a Unix socket's path has 107 bytes */
#define REFUSAL "refusal"
#define REFUSAL_MAX 65536
#define SAID "said" /* the file in the folder that lets quiet children speak */

static char *sentence(const char *what, const char *object, int error)
{
    struct sbuf text = {0};
    sbuf_addf(&text, "%s %s: %s", what, object, strerror(error));
    return sbuf_take(&text);
}

/* Beside our own executable, unless the environment names another. */
static char *find_program(void)
{
    const char *named = getenv("KATYDID_WORKER");
    if (named && *named)
        return mem_strdup(named);
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    struct sbuf path = {0};
    if (len > 0) {
        self[len] = 0;
        sbuf_add(&path, self, (size_t)(strrchr(self, '/') - self) + 1);
    }
    sbuf_adds(&path, "katydid-worker");
    return sbuf_take(&path);
}

/* Sockets go there: their paths are short. */
static const char *base_folder(void)
{
    const char *base = getenv("TMPDIR");
    return base && base[0] == '/' && strlen(base) <= MAX_SOCKET_FOLDER ? base : "/tmp";
}

int children_open(struct children *c, char **why)
{
    memset(c, 0, sizeof *c);
    c->program = find_program();
    if (access(c->program, X_OK) != 0) {
        *why = sentence("cannot run", c->program, errno);
        return -1;
    }
    folder_clean(base_folder());
    c->folder = folder_make(base_folder(), &c->lock);
    if (c->folder)
        return 0;
    *why = sentence("cannot make a private folder for the workers under", "TMPDIR", errno);
    return -1;
}

void children_close(struct children *c)
{
    if (c->folder) {
        folder_remove(c->folder);
        close(c->lock);
    }
    for (size_t i = 0; i < c->count; i++)
        free(c->list[i].node_id);
    free(c->list);
    free(c->folder);
    free(c->program);
    memset(c, 0, sizeof *c);
}

static void said_path(const struct children *c, struct sbuf *path)
{
    sbuf_addf(path, "%s/" SAID, c->folder);
}

void children_may_speak(const struct children *c, bool may)
{
    struct sbuf path = {0};
    said_path(c, &path);
    int fd = may ? open(path.data, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd >= 0)
        close(fd);
    else if (!may)
        unlink(path.data);
    sbuf_fini(&path);
}

static void refusal_path(const struct children *c, struct sbuf *path)
{
    sbuf_addf(path, "%s/" REFUSAL, c->folder);
}

bool children_refusal(const struct children *c, struct sbuf *out)
{
    struct sbuf path = {0};
    char piece[4096];
    refusal_path(c, &path);
    FILE *f = fopen(path.data, "rbe");
    sbuf_fini(&path);
    for (size_t n = 1; f && n > 0 && out->len < REFUSAL_MAX;) {
        n = fread(piece, 1, sizeof piece, f);
        sbuf_add(out, piece, n);
    }
    if (f)
        fclose(f);
    return out->len > 0;
}

void children_forget_refusal(const struct children *c)
{
    struct sbuf path = {0};
    refusal_path(c, &path);
    unlink(path.data);
    sbuf_fini(&path);
}

static void add_words(struct sbuf *out, const char *key, char *const *words, size_t count)
{
    sbuf_addf(out, ",\"%s\":[", key);
    for (size_t i = 0; i < count; i++) {
        sbuf_adds(out, i ? "," : "");
        sbuf_add_json(out, words[i], strlen(words[i]));
    }
    sbuf_adds(out, "]");
}

static void config_json(const struct children *c, const struct child_config *config, long parent,
                        struct sbuf *out)
{
    struct sbuf said = {0}, refusal = {0};
    sbuf_addf(out, "{\"parent_pid\":%ld", parent);
    sbuf_add_json_member(out, "role", config->role);
    sbuf_add_json_member(out, "endpoint", config->endpoint);
    sbuf_add_json_member(out, "node_id", config->node_id);
    sbuf_add_json_member(out, "list", config->list);
    sbuf_add_json_member(out, "answer", config->answer);
    if (config->is_quiet)
        said_path(c, &said);
    sbuf_add_json_member(out, "said", said.data);
    sbuf_fini(&said);
    if (config->is_host)
        refusal_path(c, &refusal);
    sbuf_add_json_member(out, "refusal", refusal.data);
    sbuf_fini(&refusal);
    sbuf_add_json_member(out, "name", config->o->is_locust ? "locust" : "katydid");
    if (strcmp(config->role, "script-host") != 0)
        sbuf_add_json_member(out, "source_addresses", config->o->source_addresses);
    if (config->o->master_max_wait_s >= 0)
        sbuf_addf(out, ",\"master_max_wait\":%.0f", config->o->master_max_wait_s);
    sbuf_addf(out, ",\"options\":%s", config->options_json);
    add_words(out, "argv", config->o->argv, (size_t)config->o->argc);
    add_words(out, "extra_args", config->o->extra, config->o->extra_count);
    sbuf_adds(out, ",\"own_args\":");
    options_own_words(config->o, out);
    sbuf_adds(out, ",\"settings\":[");
    for (size_t i = 0; config->o->settings && config->o->settings[i]; i++)
        sbuf_addf(out, i ? ",%s" : "%s", config->o->settings[i]);
    sbuf_adds(out, "]}\n");
}

/* The path of a new file with the configuration; NULL with errno set. */
static char *write_config(struct children *c, const struct child_config *config, long parent)
{
    struct sbuf path = {0}, json = {0};
    sbuf_addf(&path, "%s/worker-%u.json", c->folder, c->files++);
    config_json(c, config, parent, &json);
    int fd = open(path.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int rc = fd < 0 ? -1 : (errno = whole_write(fd, json.data, json.len));
    if (fd >= 0)
        close(fd);
    sbuf_fini(&json);
    if (rc == 0)
        return sbuf_take(&path);
    sbuf_fini(&path);
    return NULL;
}

static void unblock_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    const int ours[] = {SIGINT, SIGTERM, SIGCHLD, SIGPIPE, SIGTSTP};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        signal(ours[i], SIG_DFL);
    if (signal(SIGHUP, SIG_DFL) == SIG_IGN) /* nohup */
        signal(SIGHUP, SIG_IGN);
}

/* Ours, and what spares a worker to start itself once more (worker/main.c). */
static char **make_environment(void)
{
    size_t count = 0;
    while (environ[count])
        count++;
    char **all = mem_zalloc((count + 2) * sizeof *all);
    memcpy(all, environ, count * sizeof *all);
#ifndef KATYDID_SANITIZE
    static char huge_pages[] = MEM_HUGE_PAGES_NAME "=" MEM_HUGE_PAGES_VALUE;
    if (!getenv(MEM_HUGE_PAGES_NAME))
        all[count] = huge_pages;
#endif
    return all;
}

static _Noreturn void child_main(const char *program, const char *config, char **environment,
                                 pid_t parent, bool is_silent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    setpgid(0, 0);
    unblock_signals();
    int null = open("/dev/null", O_RDWR);
    for (int fd = STDIN_FILENO; null >= 0 && fd <= (is_silent ? STDERR_FILENO : STDIN_FILENO); fd++)
        dup2(null, fd);
    execle(program, program, "--config", config, (char *)NULL, environment);
    static const char text[] = "katydid: cannot run katydid-worker\n";
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
        _exit(126);
    _exit(127);
}

int children_start(struct children *c, const struct child_config *config, char **why)
{
    pid_t parent = getpid();
    char *path = write_config(c, config, parent);
    if (!path) {
        *why = sentence("cannot write into", c->folder, errno);
        return -1;
    }
    c->list = mem_realloc(c->list, (c->count + 1) * sizeof *c->list);
    char **environment = make_environment();
    pid_t pid = fork();
    if (pid == 0)
        child_main(c->program, path, environment, parent, config->answer != NULL);
    if (pid > 0)
        c->list[c->count++] = (struct child){
            .pid = pid, .node_id = config->node_id ? mem_strdup(config->node_id) : NULL};
    else
        *why = sentence("cannot start", c->program, errno);
    free(environment);
    free(path);
    return pid > 0 ? 0 : -1;
}

void children_exec_version(const char *words)
{
    char *program = find_program();
    execl(program, program, "--version", words, (char *)NULL);
    free(program);
}

/* Nobody is left to remove the folder when we become the worker; the file, whose name is unique
 * and which only we may read, is removed by its reader. */
char *children_exec(struct children *c, const struct child_config *config)
{
    struct sbuf json = {0}, path = {0};
    sbuf_addf(&path, "%s.XXXXXX", c->folder);
    folder_remove(c->folder);
    config_json(c, config, 0, &json); /* no parent to die with */
    int fd = mkostemp(path.data, O_CLOEXEC);
    if (fd < 0 || (errno = whole_write(fd, json.data, json.len)) != 0)
        return sentence("cannot write", path.data, errno);
    char **environment = make_environment();
    execle(c->program, c->program, "--config", path.data, (char *)NULL, environment);
    int error = errno;
    free(environment);
    unlink(path.data);
    return sentence("cannot run", c->program, error);
}

static bool is_ours(const struct children *c, pid_t pid)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->list[i].pid == pid)
            return true;
    return false;
}

/* As the first process of a container we inherit what users' code started and left. One of ours
 * that ended just now waits for its turn. */
static void reap_strangers(const struct children *c)
{
    siginfo_t ended = {0};
    while (getpid() == 1 && waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           ended.si_pid > 0 && !is_ours(c, ended.si_pid)) {
        waitpid(ended.si_pid, NULL, WNOHANG);
        ended.si_pid = 0;
    }
}

struct child *children_reap(struct children *c)
{
    for (size_t i = 0; i < c->count; i++) {
        struct child *child = &c->list[i];
        if (child->pid > 0 && waitpid(child->pid, &child->status, WNOHANG) == child->pid) {
            child->pid = 0;
            return child;
        }
    }
    reap_strangers(c);
    return NULL;
}

size_t children_running(const struct children *c)
{
    size_t count = 0;
    for (size_t i = 0; i < c->count; i++)
        count += c->list[i].pid > 0;
    return count;
}

void children_signal(const struct children *c, int signal_number)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->list[i].pid > 0)
            kill(c->list[i].pid, signal_number);
}

static pid_t find_node(const struct children *c, const char *node_id)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->list[i].pid > 0 && c->list[i].node_id && !strcmp(c->list[i].node_id, node_id))
            return c->list[i].pid;
    return 0;
}

bool children_has(const struct children *c, const char *node_id)
{
    return find_node(c, node_id) > 0;
}

void children_signal_node(const struct children *c, const char *node_id, int signal_number)
{
    pid_t pid = find_node(c, node_id);
    if (pid > 0)
        kill(pid, signal_number);
}

int child_signal(const struct child *c)
{
    return WIFSIGNALED(c->status) ? WTERMSIG(c->status) : 0;
}

int child_exit_code(const struct child *c)
{
    return WIFSIGNALED(c->status) ? 128 + WTERMSIG(c->status) : WEXITSTATUS(c->status);
}
