// SPDX-License-Identifier: MIT
/* See outfile.h. */
#include "master/out/outfile.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/base/whole.h"
#include <errno.h>
#include <fcntl.h>
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

static int try_path(const char *path)
{
    struct stat there;
    if (outfile_make_folders(path) != 0)
        return -1;
    if (stat(path, &there) != 0)
        return errno == ENOENT ? try_new(path) : -1;
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

int outfile_write(const char *path, const struct sbuf *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return errno;
    int error = whole_write(fd, text->data, text->len);
    return close(fd) != 0 && !error ? errno : error;
}
