// SPDX-License-Identifier: MIT
#include "master/store/run_about.h"
#include "common/base/clk.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/options/options.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_MAX 65536 /* of git: more files that changed are of no interest */
#define COMMAND_MAX 65536

extern char **environ;

/* ---- git ---- */

/* Everything from fd until its end, the limit or the time. */
static void collect(int fd, struct sbuf *out)
{
    const uint64_t until = clk_mono_ns() + GIT_WAIT_S * UINT64_C(1000000000);
    char piece[4096];
    for (;;) {
        const uint64_t now = clk_mono_ns();
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (now >= until || out->len > ANSWER_MAX ||
            poll(&p, 1, (int)((until - now) / 1000000) + 1) <= 0)
            return;
        const ssize_t n = read(fd, piece, sizeof piece);
        if (n <= 0)
            return;
        sbuf_add(out, piece, (size_t)n);
    }
}

/* Its output; nothing when it cannot be started. */
static void ask_git(const char *folder, struct sbuf *out)
{
    const char *words[] = {"git",    "--no-optional-locks", "-C",       folder,
                           "status", "--porcelain=v2",      "--branch", "--untracked-files=no",
                           NULL};
    posix_spawn_file_actions_t actions;
    int pipe_of[2];
    pid_t pid;
    if (pipe2(pipe_of, O_CLOEXEC) != 0)
        return;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe_of[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    const int rc =
        posix_spawnp(&pid, "git", &actions, NULL, (char *const *)(uintptr_t)words, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pipe_of[1]);
    if (rc == 0) {
        collect(pipe_of[0], out);
        kill(pid, SIGKILL); /* it has ended, or takes too long */
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    close(pipe_of[0]);
}

static void take_line(json_t *git, const char *line)
{
    static const char oid[] = "# branch.oid ", head[] = "# branch.head ";
    if (strncmp(line, oid, sizeof oid - 1) == 0 && line[sizeof oid - 1] != '(')
        json_object_set_new(git, "commit", json_string(line + sizeof oid - 1));
    else if (strncmp(line, head, sizeof head - 1) == 0 && line[sizeof head - 1] != '(')
        json_object_set_new(git, "branch", json_string(line + sizeof head - 1));
    else if (line[0] && line[0] != '#')
        json_object_set_new(git, "dirty", json_true());
}

/* A checkout of a pipeline has no branch; its variables have. */
static const char *branch_of_pipeline(void)
{
    static const char *const names[] = {
        "GITHUB_HEAD_REF",    "GITHUB_REF_NAME", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME",
        "CI_COMMIT_REF_NAME", "GIT_BRANCH",      "BUILDKITE_BRANCH",
        "CIRCLE_BRANCH",      "BITBUCKET_BRANCH"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value && *value)
            return value;
    }
    return NULL;
}

json_t *run_about_git(const char *file)
{
    json_t *git = json_object();
    struct sbuf out = {0};
    const char *slash = file ? strrchr(file, '/') : NULL;
    char *folder = slash > file ? mem_dup(file, (size_t)(slash - file)) : mem_strdup(".");
    char *rest = NULL;
    ask_git(folder, &out);
    for (char *line = out.len ? strtok_r(out.data, "\n", &rest) : NULL; line;
         line = strtok_r(NULL, "\n", &rest))
        take_line(git, line);
    const char *branch = branch_of_pipeline();
    if (json_object_get(git, "commit") && !json_object_get(git, "branch") && branch)
        json_object_set_new(git, "branch", json_string(branch));
    free(folder);
    sbuf_fini(&out);
    return git;
}

/* ---- machine and pipeline ---- */

static json_t *cpu_model(void)
{
    char line[512];
    json_t *model = NULL;
    FILE *file = fopen("/proc/cpuinfo", "re");
    while (file && !model && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon) {
            colon[strcspn(colon, "\n")] = '\0';
            model = json_string(colon + 1 + strspn(colon + 1, " \t"));
        }
    }
    if (file)
        fclose(file);
    return model;
}

json_t *run_about_machine(void)
{
    char name[256] = "";
    json_t *machine = json_object(), *model = cpu_model();
    if (gethostname(name, sizeof name - 1) == 0)
        json_object_set_new(machine, "name", json_string(name));
    if (model)
        json_object_set_new(machine, "cpu", model);
    json_object_set_new(machine, "cores", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
    return machine;
}

json_t *run_about_environment(const json_t *machine, size_t workers)
{
    const char *name = json_string_value(json_object_get(machine, "name"));
    return json_sprintf("%s, %d cores, %zu worker%s", name ? name : "?",
                        (int)json_integer_value(json_object_get(machine, "cores")), workers,
                        workers == 1 ? "" : "s");
}

json_t *run_about_pipeline(void)
{
    static const char *const names[] = {"GITHUB_REPOSITORY", "GITHUB_RUN_ID",      "GITHUB_SHA",
                                        "CI_PROJECT_PATH",   "CI_PIPELINE_ID",     "CI_COMMIT_SHA",
                                        "BUILD_URL",         "BUILDKITE_BUILD_URL"};
    json_t *pipeline = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (!value || !*value)
            continue;
        pipeline = pipeline ? pipeline : json_object();
        json_object_set_new(pipeline, names[i], json_string(value));
    }
    return pipeline;
}

/* ---- the command ---- */

static bool names_secret(const char *word, size_t len)
{
    static const char *const parts[] = {"pass",       "secret",  "token",   "auth",
                                        "credential", "api-key", "api_key", "apikey"};
    char *name = mem_dup(word, len);
    bool is_secret = false;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        is_secret |= strcasestr(name, parts[i]) != NULL;
    free(name);
    return is_secret;
}

/* "//user:password@" of an address. */
static void add_masked(struct sbuf *out, const char *word)
{
    const char *start = strstr(word, "//");
    const size_t len = start ? strcspn(start + 2, "/?#") : 0;
    const char *at = start ? memrchr(start + 2, '@', len) : NULL;
    if (!at) {
        sbuf_adds(out, word);
        return;
    }
    sbuf_add(out, word, (size_t)(start + 2 - word));
    sbuf_addf(out, "***%s", at);
}

static json_t *masked(const char *word, bool is_value_of_secret)
{
    struct sbuf out = {0};
    const size_t name = strcspn(word, "=");
    if (is_value_of_secret)
        sbuf_adds(&out, "***");
    else if (word[name] && names_secret(word, name))
        sbuf_addf(&out, "%.*s=***", (int)name, word);
    else
        add_masked(&out, word);
    json_t *text = json_string(out.data ? out.data : "");
    sbuf_fini(&out);
    return text ? text : json_string("?"); /* not UTF-8 */
}

json_t *run_about_command(const char *bytes, size_t len)
{
    json_t *words = json_array();
    bool is_secret = false;
    for (const char *p = bytes, *end = bytes + len; p < end; p += strlen(p) + 1) {
        const bool is_option = p[0] == '-';
        json_array_append_new(words, masked(p, is_secret && !is_option));
        is_secret = is_option && !strchr(p, '=') && names_secret(p, strlen(p));
    }
    return words;
}

json_t *run_about_own_command(void)
{
    char *bytes = mem_zalloc(COMMAND_MAX + 1);
    const int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    for (ssize_t n = 1; fd >= 0 && n > 0 && len<COMMAND_MAX; len += n> 0 ? (size_t)n : 0)
        n = read(fd, bytes + len, COMMAND_MAX - len);
    if (fd >= 0)
        close(fd);
    json_t *words = run_about_command(bytes, len);
    free(bytes);
    return words;
}

/* ---- the load ---- */

void run_about_seed(const struct options *o, json_t *about)
{
    if (o->seed < 0)
        return;
    json_t *schedule = json_array();
    for (char **text = o->scenario; text && *text; text++)
        json_array_append_new(schedule, json_string(*text));
    const char *const texts[] = {o->scenarios_file, o->rate, o->rate_ramp, o->stages};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        json_array_append_new(schedule, texts[i] ? json_string(texts[i]) : json_null());
    json_object_set_new(about, "seed", json_integer((json_int_t)o->seed));
    json_object_set_new(about, "schedule", schedule);
}

json_t *run_about_tags(const struct options *o, const char *repeat)
{
    json_t *tags = json_object();
    for (char **tag = o->run_tags; tag && *tag; tag++) {
        const char *equals = strchr(*tag, '=');
        json_object_setn_new(tags, *tag, equals ? (size_t)(equals - *tag) : strlen(*tag),
                             json_string(equals ? equals + 1 : ""));
    }
    if (repeat)
        json_object_set_new(tags, "repeat", json_string(repeat));
    return tags;
}
