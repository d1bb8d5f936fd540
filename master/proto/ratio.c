// SPDX-License-Identifier: MIT
/* ratio: see ratio.h. */
#include "master/proto/ratio.h"

#include <stdlib.h>

static void shares_fini(struct task_share *tasks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        shares_fini(tasks[i].tasks, tasks[i].task_count);
        free(tasks[i].name);
    }
    free(tasks);
}

void task_list_fini(struct task_list *l)
{
    shares_fini(l->tasks, l->count);
    *l = (struct task_list){0};
}
