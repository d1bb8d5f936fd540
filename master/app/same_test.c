// SPDX-License-Identifier: MIT
#include "master/app/same_test.h"

#include "common/base/log.h"
#include "master/app/core.h"
#include "master/store/history.h"
#include <stdlib.h>
#include <string.h>

static bool has(const json_t *ids, const char *id)
{
    size_t i;
    const json_t *one;
    json_array_foreach(ids, i, one)
    {
        if (strcmp(json_string_value(one), id) == 0)
            return true;
    }
    return false;
}

/* Those of a program that was killed are said to go on, too. */
static void warn_of_each(struct history *h, const char *test_id)
{
    const struct history_filter running = {.text = test_id, .state = "running"};
    json_t *runs = history_list(h, &running), *orphans = history_orphans(h), *run;
    size_t i;
    json_array_foreach(runs, i, run)
    {
        const char *id = json_string_value(json_object_get(run, "id"));
        const char *name = json_string_value(json_object_get(run, "test_id"));
        if (id && name && strcmp(name, test_id) == 0 && !has(orphans, id))
            log_warning(MAIN_LOGGER,
                        "Another run with --test-id %s goes on (%s): where both send to one store, "
                        "their series are the same ones, and no figure of them is right. Give each "
                        "an id of its own, or a tag: --series-tags part=a",
                        test_id, id);
    }
    json_decref(runs);
    json_decref(orphans);
}

void same_test_warn(const struct master *m)
{
    const struct options *o = m->o;
    char *why = NULL;
    if (!o->test_id || !*o->test_id || history_is_off(o->history))
        return;
    char *folder = history_folder(o->history);
    struct history *h =
        folder && history_is_there(folder) ? history_open(folder, false, &why) : NULL;
    if (h)
        warn_of_each(h, o->test_id);
    history_close(h);
    free(folder);
    free(why);
}
