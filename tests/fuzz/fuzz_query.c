// SPDX-License-Identifier: MIT
/* Any bytes as the parameters of a question, and as a failure's text: no crash, and what is taken
 * is within its limits. */
#include "common/metric/failure_kind.h"
#include "master/web/timeline_json.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct query *q)
{
    if (q->from < 0 || q->from > QUERY_TIME_MAX || q->to < 0 || q->to > QUERY_TIME_MAX)
        abort();
    if (q->has_from && q->has_to && q->to <= q->from)
        abort();
    if (q->step > QUERY_STEP_MAX || q->worker > QUERY_WORKER_MAX || q->id > INT32_MAX)
        abort();
    if (q->points < 2 || q->points > QUERY_POINTS_MAX || q->id_count > QUERY_IDS_MAX)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct form f;
    struct query q;
    struct query_error e = {"", ""};
    if (form_parse(&f, (const char *)data, size)) {
        if (query_read(&f, &q, &e))
            check(&q);
        else if (e.field[0] == '\0' || e.text[0] == '\0')
            abort();
    }
    form_fini(&f);
    struct sbuf kind = {0}, again = {0};
    char *text = calloc(size + 1, 1);
    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    failure_kind_add(&kind, text);
    failure_kind_add(&again, kind.len ? kind.data : "");
    if (kind.len > strlen(text) || again.len != kind.len)
        abort();
    free(text);
    sbuf_fini(&kind);
    sbuf_fini(&again);
    return 0;
}
