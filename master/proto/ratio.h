// SPDX-License-Identifier: MIT
#pragma once
/* ratio: how often each task of a User class is chosen, as a tree: a task that is a TaskSet has
 * tasks of its own. Plain values; docs/api.md, /tasks. */
#include <stddef.h>

struct task_share {
    char *name;               /* owned */
    double ratio;             /* of the tasks of its set; the tasks of a set make 1 */
    struct task_share *tasks; /* owned; of a set */
    size_t task_count;
};

struct task_list { /* owned; sorted by name */
    struct task_share *tasks;
    size_t count;
};

void task_list_fini(struct task_list *l);
