// SPDX-License-Identifier: MIT
/* ratio: see ratio.h. */
#include "master/ratio.h"

#include "master/json_out.h"

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

static void write_shares(struct json_out *j, const struct task_share *tasks, size_t count,
                         double whole, int is_total)
{
    json_out_open(j, "tasks", '{');
    for (size_t i = 0; i < count; i++) {
        const struct task_share *t = &tasks[i];
        double ratio = t->ratio * whole;
        json_out_open(j, t->name, '{');
        json_out_float(j, "ratio", ratio);
        if (t->task_count > 0)
            write_shares(j, t->tasks, t->task_count, is_total ? ratio : 1.0, is_total);
        json_out_close(j, '}');
    }
    json_out_close(j, '}');
}

void ratio_write(struct json_out *j, const struct task_list *l, double whole, int is_total)
{
    write_shares(j, l->tasks, l->count, whole, is_total);
}
