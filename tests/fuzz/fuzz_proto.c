// SPDX-License-Identifier: MIT
/* Any bytes as a message to the master: a refused one leaves nothing behind, an accepted one has
 * slices inside the input and texts that end. */
#include "common/base/sbuf.h"
#include "master/proto/proto_out.h"
#include "master/proto/proto_script.h"

#include <stdlib.h>
#include <string.h>

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct slice s, const uint8_t *data, size_t size)
{
    const char *start = (const char *)data;
    MUST(s.len == 0 || (s.data >= start && s.data + s.len <= start + size));
}

static void check_stats(const struct message *m, const uint8_t *data, size_t size)
{
    struct sbuf out = {0};
    unsigned total = 0;
    inside(m->stats.report, data, size);
    MUST(!m->stats.is_katydid || (m->stats.seq > 0 && strlen(m->stats.epoch) < 64));
    for (size_t i = 0; i < m->stats.users.count; i++)
        total += m->stats.users.classes[i].users;
    MUST(total == m->stats.users.total);
    proto_public_stats(&out, m->data);
    MUST(out.len > 0);
    sbuf_fini(&out);
}

static void see_sample(void *arg, struct sample_in *in)
{
    (void)arg;
    MUST(in->method && in->name && in->json.len > 1 && in->json.data[0] == '{');
}

static void see_line(void *arg, const struct line_in *line)
{
    (void)arg;
    MUST(line->level && line->logger && line->text);
}

/* What goes on to the page, whatever kind of message it is in. */
static void check_page(const struct message *m)
{
    struct sbuf json = {0};
    struct message_answer answer;
    uint64_t dropped;
    MUST(!proto_to_json(m->data, &json) || json.len > 0);
    sbuf_fini(&json);
    if (proto_answer(m->data, &answer))
        MUST(answer.id > 0);
    answer_fini(&answer);
    proto_samples(m->data, "r", see_sample, NULL);
    proto_lines(m->data, &dropped, see_line, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message m;
    struct script s;
    struct sbuf out = {0};
    if (proto_parse(data, size, &m) != PROTO_OK)
        return 0;
    inside(m.type, data, size);
    inside(m.data, data, size);
    inside(m.node, data, size);
    if (m.kind == MESSAGE_STATS)
        check_stats(&m, data, size);
    if (m.kind == MESSAGE_SCRIPT && proto_script(&m, &s) == PROTO_OK) {
        for (size_t i = 0; i < s.class_count; i++)
            MUST(s.classes[i].name);
        script_fini(&s);
    }
    check_page(&m);
    proto_relay(&out, m.type, m.data, "node");
    struct message again;
    MUST(proto_parse(out.data, out.len, &again) == PROTO_OK && again.kind == m.kind);
    message_fini(&again);
    sbuf_fini(&out);
    message_fini(&m);
    return 0;
}
