// SPDX-License-Identifier: MIT
/* private_folder: see private_folder.h. The lock's file gets its name when the lock is held. */
#include "master/nodes/private_folder.h"

#include "common/base/sbuf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 16 /* descriptors that the removal may use */

static int make_lock(const char *folder)
{
    struct sbuf early = {0}, path = {0};
    sbuf_addf(&early, "%s/%s.new", folder, FOLDER_LOCK);
    sbuf_addf(&path, "%s/%s", folder, FOLDER_LOCK);
    int fd = open(early.data, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && (flock(fd, LOCK_EX | LOCK_NB) != 0 || rename(early.data, path.data) != 0)) {
        close(fd);
        fd = -1;
    }
    sbuf_fini(&early);
    sbuf_fini(&path);
    return fd;
}

char *folder_make(const char *base, int *lock)
{
    struct sbuf path = {0};
    sbuf_addf(&path, "%s/%sXXXXXX", base, FOLDER_PREFIX);
    *lock = -1;
    if (mkdtemp(path.data) != NULL) {
        *lock = make_lock(path.data);
        if (*lock >= 0)
            return sbuf_take(&path);
        int error = errno;
        folder_remove(path.data);
        errno = error;
    }
    sbuf_fini(&path);
    return NULL;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about;
    (void)kind;
    (void)where;
    remove(path);
    return 0;
}

void folder_remove(const char *path)
{
    nftw(path, remove_one, DEPTH_MAX, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* A folder of this user, and no link to one. */
static bool is_own_folder(const char *path)
{
    struct stat about;
    return lstat(path, &about) == 0 && S_ISDIR(about.st_mode) && about.st_uid == geteuid();
}

static void remove_if_nobodys(const char *path)
{
    struct sbuf lock = {0};
    sbuf_addf(&lock, "%s/%s", path, FOLDER_LOCK);
    int fd = is_own_folder(path) ? open(lock.data, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        folder_remove(path);
    if (fd >= 0)
        close(fd);
    sbuf_fini(&lock);
}

void folder_clean(const char *base)
{
    DIR *d = opendir(base);
    if (d == NULL)
        return;
    for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        struct sbuf path = {0};
        if (strncmp(e->d_name, FOLDER_PREFIX, strlen(FOLDER_PREFIX)) != 0)
            continue;
        sbuf_addf(&path, "%s/%s", base, e->d_name);
        remove_if_nobodys(path.data);
        sbuf_fini(&path);
    }
    closedir(d);
}
