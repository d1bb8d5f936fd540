// SPDX-License-Identifier: MIT
#include "master/app/keys_given.h"

#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "common/wire/keys.h"
#include "master/options/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX 65536

/* The line of the file; malloced. NULL with a sentence. */
static char *from_file(const char *option, const char *path, char **why)
{
    char text[FILE_MAX];
    FILE *f = fopen(path, "re");
    const size_t len = f ? fread(text, 1, sizeof text - 1, f) : 0;
    const int error = !f || ferror(f) ? errno : 0;
    if (f)
        fclose(f);
    text[len] = '\0';
    char *line = error == 0 ? keys_line(text) : NULL;
    if (error != 0)
        *why = sbuf_words("%s: cannot read %s: %s; make keys with: katydid keys new FILE", option,
                          path, strerror(error));
    else if (!line)
        *why = sbuf_words("%s: %s has no key; make keys with: katydid keys new FILE", option, path);
    return line;
}

static char *given_text(const char *option, const char *given, char **why)
{
    return keys_is_text(given) ? mem_strdup(given) : from_file(option, given, why);
}

/* Says of which option the sentence is. */
static bool refuse(const char *option, char **why)
{
    char *sentence = *why;
    *why = sbuf_words("%s: %s", option, sentence);
    free(sentence);
    return false;
}

bool keys_given_master(const char *given, struct keys *k, char **why)
{
    char *text = given_text("--keys", given, why);
    const bool is_good = text && (keys_read_master(text, k, why) || refuse("--keys", why));
    free(text);
    return is_good;
}

static char *endpoint(const char *host, int port, const char *key)
{
    const bool is_v6 = strchr(host, ':') && host[0] != '[';
    return sbuf_words(is_v6 ? "tcp://[%s]:%d%s%s" : "tcp://%s:%d%s%s", host, port, key ? "#" : "",
                      key ? key : "");
}

char *keys_given_endpoint(const struct options *o, char **why)
{
    struct keys_join join;
    if (!o->join)
        return endpoint(o->master_host, o->master_port, NULL);
    char *text = given_text("--join", o->join, why);
    const bool is_good = text && (keys_read_join(text, &join, why) || refuse("--join", why));
    free(text);
    if (!is_good)
        return NULL;
    return endpoint(join.host[0] ? join.host : o->master_host,
                    join.port ? join.port : o->master_port, join.key);
}
