// SPDX-License-Identifier: MIT
#pragma once
/* spans: what is traced (--trace), and how the workers' spans come to the outputs that send them.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct master;
struct message_spans;
struct worker;

#define SPANS_OUTPUTS 4

struct spans {
    void *outputs[SPANS_OUTPUTS]; /* borrowed */
    size_t count;
    bool has_tasks;   /* one of them wants spans of tasks, too */
    struct spans_of { /* a worker */
        char *worker;
        char sender[40]; /* its process */
        uint64_t number, dropped;
    } * known;
    size_t known_count, known_cap;
};

/* One of the receivers is for spans: 0, or an exit code after a message. */
int spans_note(struct master *m, bool has_tasks, void *output_self);
void spans_begin(struct master *m); /* a run: its workers are told what to trace */
void spans_came(struct master *m, const struct worker *w, const struct message_spans *s);
void spans_fini(struct master *m);
