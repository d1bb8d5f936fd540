// SPDX-License-Identifier: MIT
/* Where a group's files are: the mount's folder and the group's path, less the part of the tree
 * that the mount shows (a container may see its own group only). Limits of groups above count as
 * well. */
#include "common/base/quota.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READS_BETWEEN_SEARCHES 10

/* A small file as text; false when there is none. */
static bool read_text(const char *path, char *text, size_t size)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const ssize_t len = read(fd, text, size - 1);
    close(fd);
    text[len > 0 ? len : 0] = 0;
    return len > 0;
}

static bool read_of(const char *folder, const char *name, char *text, size_t size)
{
    char path[640];
    const int len = snprintf(path, sizeof path, "%s/%s", folder, name);
    return len > 0 && (size_t)len < sizeof path && read_text(path, text, size);
}

static double limit_of(const char *folder, bool is_v2)
{
    char quota[64], period[64];
    if (!is_v2) {
        if (!read_of(folder, "cpu.cfs_quota_us", quota, sizeof quota) ||
            !read_of(folder, "cpu.cfs_period_us", period, sizeof period))
            return 0;
        const double q = strtod(quota, NULL), p = strtod(period, NULL);
        return q > 0 && p > 0 ? q / p : 0;
    }
    double q, p;
    if (!read_of(folder, "cpu.max", quota, sizeof quota) || sscanf(quota, "%lf %lf", &q, &p) != 2)
        return 0; /* "max 100000" */
    return q > 0 && p > 0 ? q / p : 0;
}

/* The group and those above it, up to the mount. */
static void look_through(struct quota *q, const char *mount, const char *path, bool is_v2,
                         double *least)
{
    char folder[sizeof q->folder];
    const size_t top = strlen(mount);
    const int len =
        snprintf(folder, sizeof folder, "%s%s", mount, strcmp(path, "/") == 0 ? "" : path);
    if (len < 0 || (size_t)len >= sizeof folder)
        return;
    for (;;) {
        const double cores = limit_of(folder, is_v2);
        if (cores > 0 && (*least <= 0 || cores < *least)) {
            *least = cores;
            q->is_v2 = is_v2;
            memcpy(q->folder, folder, sizeof folder);
        }
        char *slash = strrchr(folder, '/');
        if (strlen(folder) <= top || !slash || (size_t)(slash - folder) < top)
            return;
        *slash = 0;
    }
}

static bool has_word(const char *list, const char *word)
{
    const size_t len = strlen(word);
    for (const char *p = list; (p = strstr(p, word)) != NULL; p += len)
        if ((p == list || p[-1] == ',') && (p[len] == 0 || p[len] == ',' || p[len] == '\n'))
            return true;
    return false;
}

/* The path of a line "ID:CONTROLLERS:PATH" of the hierarchy with the cpu controller, or of version
 * 2, whose controllers are "". */
static bool group_path(const char *groups, bool is_v2, char *path, size_t size)
{
    FILE *f = fopen(groups, "re");
    char line[1024];
    bool is_found = false;
    while (f && !is_found && fgets(line, sizeof line, f)) {
        char *controllers = strchr(line, ':'), *name = NULL;
        if (controllers)
            name = strchr(++controllers, ':');
        if (!name)
            continue;
        *name++ = 0;
        name[strcspn(name, "\n")] = 0;
        is_found = is_v2 ? !*controllers : has_word(controllers, "cpu");
        if (is_found)
            snprintf(path, size, "%s", name);
    }
    if (f)
        fclose(f);
    return is_found;
}

static const char *below(const char *path, const char *root)
{
    const size_t len = strcmp(root, "/") == 0 ? 0 : strlen(root);
    const bool is_below = strncmp(path, root, len) == 0 && (path[len] == 0 || path[len] == '/');
    return len == 0 ? path : is_below ? path + len : "";
}

void quota_find(struct quota *q, const char *groups, const char *mounts)
{
    FILE *f = fopen(mounts, "re");
    char line[2048], root[512], mount[512], kind[32], options[512], path[512];
    double least = 0;
    q->folder[0] = 0;
    while (f && fgets(line, sizeof line, f)) {
        const char *dash = strstr(line, " - ");
        if (!dash || sscanf(line, "%*s %*s %*s %511s %511s", root, mount) != 2 ||
            sscanf(dash, " - %31s %*s %511s", kind, options) != 2)
            continue;
        const bool is_v2 = strcmp(kind, "cgroup2") == 0;
        if (!is_v2 && (strcmp(kind, "cgroup") != 0 || !has_word(options, "cpu")))
            continue;
        if (group_path(groups, is_v2, path, sizeof path))
            look_through(q, mount, below(path, root), is_v2, &least);
    }
    if (f)
        fclose(f);
}

static uint64_t number_after(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

struct quota_use quota_read(struct quota *q)
{
    char text[1024];
    struct quota_use use = {0};
    if (q->rest == 0) {
        quota_find(q, "/proc/self/cgroup", "/proc/self/mountinfo");
        q->rest = READS_BETWEEN_SEARCHES;
    }
    q->rest--;
    if (!q->folder[0])
        return use;
    use.cores = limit_of(q->folder, q->is_v2);
    if (use.cores > 0 && read_of(q->folder, "cpu.stat", text, sizeof text)) {
        use.periods = number_after(text, "nr_periods ");
        use.throttled = number_after(text, "nr_throttled ");
    }
    return use;
}
