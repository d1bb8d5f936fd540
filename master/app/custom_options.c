// SPDX-License-Identifier: MIT
/* custom_options: Locust imports the locustfile before it reads the command line, so `--tag x` is
 * the locustfile's own --tag where there is one, and short for --tags where there is none. We
 * read the command line first, because it says where the locustfile is and who imports it. Only
 * when it has a shortened name (or letters of several options in one word) is a worker process
 * started that imports the file and tells its options; then the command line is read with them.
 *
 * If the file cannot be imported nothing is said here: the process that imports it next tells
 * why. */
#include "master/app/custom_options.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/nodes/children.h"
#include "master/options/options.h"
#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* [["--tenant", is_flag], …], or NULL. */
static json_t *ask(const struct options *o)
{
    struct children children;
    struct sbuf path = {0};
    char *why = NULL;
    if (children_open(&children, &why) != 0) {
        free(why);
        return NULL;
    }
    sbuf_addf(&path, "%s/options.json", children.folder);
    char *json = options_json(o);
    struct child_config config = {
        .role = "worker", .options_json = json, .o = o, .list = "options", .answer = path.data};
    if (children_start(&children, &config, &why) == 0)
        while (waitpid(children.list[0].pid, &children.list[0].status, 0) < 0 && errno == EINTR)
            ;
    json_t *answer = json_load_file(path.data, 0, NULL);
    free(why);
    free(json);
    sbuf_fini(&path);
    children_close(&children);
    return answer;
}

/* Its words are borrowed. */
static struct option_customs read_answer(const json_t *list)
{
    struct option_customs customs = {0};
    struct option_custom *found = mem_zalloc((json_array_size(list) + 1) * sizeof *found);
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        const char *word = json_string_value(json_array_get(item, 0));
        if (word)
            found[customs.count++] =
                (struct option_custom){word, json_is_true(json_array_get(item, 1))};
    }
    customs.list = found;
    return customs;
}

static int parse_with_answer(struct options *o, int argc, char **argv)
{
    bool is_done = o->help || o->version || o->completion;
    json_t *answer = is_done || !strcmp(o->locustfile, "-") ? NULL : ask(o);
    struct option_customs customs = read_answer(answer);
    options_fini(o);
    int rc = options_parse(o, argc, argv, &customs);
    free((void *)(uintptr_t)customs.list);
    json_decref(answer);
    return rc;
}

int custom_parse(struct options *o, int argc, char **argv)
{
    bool is_unclear = options_are_unclear(argc, argv);
    int rc = is_unclear ? options_parse_first(o, argc, argv) : options_parse(o, argc, argv, NULL);
    if (rc || !(is_unclear || o->is_unclear))
        return rc;
    return parse_with_answer(o, argc, argv);
}
