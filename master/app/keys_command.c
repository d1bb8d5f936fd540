// SPDX-License-Identifier: MIT
/* keys_command: the key goes into a file that only its owner reads, and nothing is ever
 * overwritten: the workers of a cluster would be strangers then. */
#include "master/app/keys_command.h"

#include "common/base/sbuf.h"
#include "common/base/whole.h"
#include "common/run/exit_code.h"
#include "common/wire/keys.h"
#include "master/app/complain.h"
#include "master/app/keys_given.h"
#include "master/options/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define USUAL_FILE "katydid.keys"
#define USUAL_PORT 5557

static const char USAGE[] =
    "katydid keys new [FILE]\n"
    "katydid keys join [FILE] [HOST[:PORT]]\n"
    "\n"
    "new:  makes the keys of a cluster in FILE, for --keys of its master, and prints the line of "
    "its\n"
    "      workers, for --join.\n"
    "join: prints that line again; HOST and PORT are where the workers reach the master.\n"
    "FILE: " USUAL_FILE ". See docs/security.md.\n";

static void print_line(const struct keys *k, const char *where)
{
    char key[KEYS_TEXT_MAX], host[256] = "localhost";
    gethostname(host, sizeof host - 1);
    keys_worker_text(k, key);
    if (!where)
        printf("tcp://%s:%d#%s\n", host, USUAL_PORT, key);
    else if (!strncmp(where, "tcp://", 6))
        printf("%s#%s\n", where, key);
    else
        printf("tcp://%s#%s\n", where, key);
}

static int write_file(const char *path, const struct keys *k)
{
    char text[KEYS_TEXT_MAX];
    struct sbuf file = {0};
    keys_master_text(k, text);
    sbuf_addf(
        &file,
        "# The keys of a Katydid cluster, for --keys of its master. Whoever reads them can be\n"
        "# that master, and join it. Workers get what this prints: katydid keys join FILE\n"
        "%s\n",
        text);
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int error = fd < 0 ? errno : whole_write(fd, file.data, file.len);
    if (fd >= 0 && fsync(fd) != 0 && error == 0 && errno != EINVAL)
        error = errno;
    if (fd >= 0 && close(fd) != 0 && error == 0)
        error = errno;
    if (fd >= 0 && error != 0)
        unlink(path);
    sbuf_fini(&file);
    return error;
}

static int make(const char *path)
{
    struct keys k;
    if (!keys_make(&k))
        return complain("this machine has no random numbers to make keys of");
    const int error = write_file(path, &k);
    if (error == EEXIST)
        return complain_failed(
            sbuf_words("%s is there already, and a cluster may have these keys: name another "
                       "file, or delete that one",
                       path));
    if (error != 0)
        return complain_failed(sbuf_words("cannot write %s: %s", path, strerror(error)));
    fprintf(stderr, "The master's keys are in %s. The line of its workers:\n", path);
    print_line(&k, NULL);
    return 0;
}

static int join(const char *path, const char *where)
{
    struct keys k;
    char *why = NULL;
    if (!keys_given_master(path, &k, &why))
        return complain_failed(why);
    print_line(&k, where);
    return 0;
}

bool keys_command_is(int argc, char **argv)
{
    return argc >= 2 && !strcmp(argv[1], "keys") && strcmp(options_program(), "locust") != 0;
}

int keys_command(int argc, char **argv)
{
    const char *verb = argc > 2 ? argv[2] : "";
    if (!strcmp(verb, "-h") || !strcmp(verb, "--help")) {
        fputs(USAGE, stdout);
        return 0;
    }
    for (int i = 3; i < argc; i++)
        if (argv[i][0] == '-')
            return complain("there is no option %s here\n%s", argv[i], USAGE);
    if (!strcmp(verb, "new") && argc <= 4)
        return make(argc > 3 ? argv[3] : USUAL_FILE);
    if (!strcmp(verb, "join") && argc <= 5)
        return join(argc > 3 ? argv[3] : USUAL_FILE, argc > 4 ? argv[4] : NULL);
    fputs(USAGE, stderr);
    return EXIT_USAGE;
}
