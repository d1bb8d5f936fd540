// SPDX-License-Identifier: MIT
/* The ratio trees of katydid_script: {name: {"ratio": share, "tasks": the same again}}. */
#include "master/proto/proto_walk.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 32
#define MAX_TASKS 10000 /* in one set */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct task_share *)a)->name, ((const struct task_share *)b)->name);
}

static size_t read_tasks(const msgpack_object *map, int depth, struct task_share **out)
{
    size_t count = 0;
    *out = NULL;
    if (!map || map->type != MSGPACK_OBJECT_MAP || depth > MAX_DEPTH ||
        map->via.map.size > MAX_TASKS)
        return 0;
    struct task_share *tasks = mem_zalloc((map->via.map.size + (size_t)1) * sizeof *tasks);
    for (size_t i = 0; i < map->via.map.size; i++) {
        const msgpack_object *node = &map->via.map.ptr[i].val;
        char *name = proto_text(&map->via.map.ptr[i].key);
        if (!name)
            continue;
        tasks[count].name = name;
        tasks[count].ratio = proto_number(proto_get(node, "ratio"), 0);
        tasks[count].task_count =
            read_tasks(proto_get(node, "tasks"), depth + 1, &tasks[count].tasks);
        count++;
    }
    qsort(tasks, count, sizeof *tasks, by_name);
    *out = tasks;
    return count;
}

void proto_tasks(const msgpack_object *map, struct task_list *out)
{
    out->count = read_tasks(map, 0, &out->tasks);
}
