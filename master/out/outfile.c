// SPDX-License-Identifier: MIT
/* See outfile.h. */
#include "master/out/outfile.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/base/whole.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int outfile_make_folders(const char *path)
{
    if (!*path)
        return 0;
    char *copy = mem_strdup(path);
    int rc = 0;
    for (char *slash = strchr(copy + 1, '/'); slash && !rc; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        rc = mkdir(copy, 0777) == 0 || errno == EEXIST || errno == EISDIR ? 0 : -1;
        *slash = '/';
    }
    int error = errno;
    free(copy);
    errno = error;
    return rc;
}

#define LINKS_MOST 40 /* one after the other, as Linux has it */

/* Without links, "." and ".."; of a file that is not there its folder is resolved, and what a link
 * to it names. Malloced. */
static char *resolve(const char *path, int links)
{
    char target[PATH_MAX], *whole = realpath(path, NULL);
    if (whole)
        return whole;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *folder = slash ? mem_dup(path, (size_t)(slash - path) + 1) : mem_strdup(".");
    const ssize_t len = links ? readlink(path, target, sizeof target - 1) : -1;
    char *real = realpath(folder, NULL), *next = NULL;
    if (len > 0) {
        target[len] = 0;
        next = *target == '/' ? mem_strdup(target) : sbuf_words("%s/%s", folder, target);
        whole = resolve(next, links - 1);
    } else {
        whole = sbuf_words("%s/%s", real ? real : folder, name);
    }
    free(next);
    free(real);
    free(folder);
    return whole;
}

/* A disk without room lets files be made, but not be filled. */
static int try_new(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0)
        return -1;
    bool is_good = write(fd, "\n", 1) == 1;
    int error = errno;
    close(fd);
    unlink(path);
    errno = error;
    return is_good ? 0 : -1;
}

static int try_behind_links(const char *path)
{
    char *real = resolve(path, LINKS_MOST);
    const int rc = try_new(real), error = errno;
    free(real);
    errno = error;
    return rc;
}

static int try_path(const char *path)
{
    struct stat there;
    if (outfile_make_folders(path) != 0)
        return -1;
    if (stat(path, &there) != 0)
        return errno == ENOENT ? try_behind_links(path) : -1;
    if (S_ISFIFO(there.st_mode) || S_ISCHR(there.st_mode))
        return access(path, W_OK); /* to open it could wait, or mean something */
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd >= 0 ? 0 : -1;
}

int outfile_check(const char *option, const char *path, char **why)
{
    if (try_path(path) == 0)
        return 0;
    int error = errno;
    struct sbuf text = {0};
    sbuf_addf(&text,
              "%s: cannot write %s: %s; name a file in a folder that can be made and written",
              option, path, strerror(error));
    *why = sbuf_take(&text);
    return -1;
}

/* ---- whose a file is ------------------------------------------------------------------------ */

struct claim {
    const void *owner;
    char *option, *where;
    bool is_stem;
    struct stat linked; /* st_nlink 0: it has no further name */
    struct claim *next;
};

/* Files are the whole process's. Outputs claim theirs on threads of their own. */
static struct claim *claims;
static pthread_mutex_t claims_lock = PTHREAD_MUTEX_INITIALIZER;

static bool is_one_file(const struct claim *a, const struct claim *b)
{
    return a->is_stem == b->is_stem &&
           (!strcmp(a->where, b->where) ||
            (a->linked.st_nlink && b->linked.st_nlink && a->linked.st_ino == b->linked.st_ino &&
             a->linked.st_dev == b->linked.st_dev));
}

/* Takes where. */
static int claim(struct claim *mine, const char *option, const char *path, char **why)
{
    pthread_mutex_lock(&claims_lock);
    struct claim *c = claims, *same = NULL;
    for (; c && (c->owner == mine->owner || !is_one_file(c, mine)); c = c->next)
        if (is_one_file(c, mine))
            same = c;
    if (!c && same) { /* its name comes again with each test; it may be linked by now */
        same->linked = mine->linked;
        free(mine->where);
    } else if (c) {
        *why = sbuf_words("%s: %s is written by %s too; give each a file of its own", option, path,
                          c->option);
        free(mine->where);
    } else {
        mine->option = mem_strdup(option);
        mine->next = claims;
        claims = mem_dup(mine, sizeof *mine);
    }
    pthread_mutex_unlock(&claims_lock);
    return c ? -1 : 0;
}

/* Where standard output goes: a file, or "-". */
static char *standard_output(void)
{
    struct stat there;
    return fstat(STDOUT_FILENO, &there) == 0 && S_ISREG(there.st_mode)
               ? resolve("/proc/self/fd/1", LINKS_MOST)
               : mem_strdup("-");
}

int outfile_claim(const void *owner, const char *option, const char *path, char **why)
{
    const bool is_stdout = !path;
    struct claim mine = {.owner = owner};
    struct stat there;
    if (is_stdout) {
        mine.where = standard_output();
        return claim(&mine, option, "standard output", why);
    }
    outfile_make_folders(path); /* what cannot be made is told below */
    const bool is_there = stat(path, &there) == 0;
    if (!is_there || S_ISREG(there.st_mode)) {
        if (is_there && there.st_nlink > 1)
            mine.linked = there;
        mine.where = resolve(path, LINKS_MOST);
        if (claim(&mine, option, path, why) != 0)
            return -1;
    }
    return outfile_check(option, path, why); /* nobody else tries the same file now */
}

bool outfile_has_stdout(void)
{
    char *where = standard_output();
    pthread_mutex_lock(&claims_lock);
    const struct claim *c = claims;
    while (c && strcmp(c->where, where) != 0)
        c = c->next;
    pthread_mutex_unlock(&claims_lock);
    free(where);
    return c != NULL;
}

int outfile_claim_stem(const void *owner, const char *option, const char *path, char **why)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? mem_dup(path, (size_t)(slash - path) + 1) : mem_strdup(".");
    char *real = resolve(folder, LINKS_MOST);
    struct claim mine = {.owner = owner, .is_stem = true};
    mine.where = sbuf_words("%s/%s", real, slash ? slash + 1 : path);
    free(real);
    free(folder);
    return claim(&mine, option, path, why);
}

void outfile_release(const void *owner)
{
    pthread_mutex_lock(&claims_lock);
    for (struct claim **at = &claims; *at;) {
        struct claim *c = *at;
        if (c->owner != owner) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        free(c->option);
        free(c->where);
        free(c);
    }
    pthread_mutex_unlock(&claims_lock);
}

int outfile_write(const char *path, const struct sbuf *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return errno;
    int error = whole_write(fd, text->data, text->len);
    return close(fd) != 0 && !error ? errno : error;
}
