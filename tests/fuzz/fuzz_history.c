// SPDX-License-Identifier: MIT
/* Any JSON as what is known of a run that somebody else stored: it comes into the table, and
 * tables, lists, trends and comparisons of it have no control characters and end. */
#include "common/base/sbuf.h"
#include "master/store/history_words.h"
#include "master/store/run_name.h"
#include "master/store/trend.h"
#include "tests/fuzz/fuzz.h"

#define ID "01ARZ3NDEKTSV4RRFFQ69G5FAV"

static char folder[] = "/dev/shm/katydid-fuzz-XXXXXX";
static struct history *history;

static void clean(void)
{
    static const char *const files[] = {"runs.db", "runs.db-wal", "runs.db-shm"};
    char path[sizeof folder + 20];
    history_close(history);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        unlink(path);
    }
    rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    char *why = NULL;
    (void)argc;
    (void)argv;
    MUST(mkdtemp(folder));
    history = history_open(folder, true, &why);
    MUST(history && !why);
    atexit(clean);
    return 0;
}

/* For a terminal. */
static void plain(struct sbuf *text)
{
    for (size_t i = 0; i < text->len; i++)
        MUST((unsigned char)text->data[i] >= ' ' || text->data[i] == '\n');
    sbuf_clear(text);
}

static void tell(const json_t *run)
{
    struct sbuf out = {0};
    char *name = run_name(run);
    json_t *summary = history_summary(run), *list = json_pack("[O]", run);
    MUST(name && !strchr(name, '\n') && json_is_object(summary) && *history_verdict(run));
    history_table(list, &out);
    plain(&out);
    history_details(run, &out);
    plain(&out);
    history_csv(list, &out);
    sbuf_fini(&out);
    free(name);
    json_decref(list);
    json_decref(summary);
}

static void tell_metrics(const json_t *metrics)
{
    char *why = NULL;
    struct sbuf out = {0};
    fuzz_why(history_put_metrics(history, ID, metrics, &why) == 0, why);
    json_t *kept = history_metrics(history, ID);
    MUST(json_is_array(kept));
    history_metrics_table(kept, &out);
    plain(&out);
    sbuf_fini(&out);
    json_decref(kept);
}

static void find(const json_t *run)
{
    const struct history_filter f = {.text = "a", .limit = 3};
    json_t *found = history_list(history, &f), *profiles = history_profiles(history);
    json_t *points = history_trend(history, NULL, NULL, "", "", "p95");
    json_t *about = points ? trend_describe(points, false) : NULL;
    json_t *alike = history_alike(history, run);
    MUST(json_is_array(found) && json_is_array(profiles) && json_is_array(alike));
    json_decref(found);
    json_decref(profiles);
    json_decref(points);
    json_decref(about);
    json_decref(alike);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *why = NULL;
    json_t *run = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(run)) {
        json_t *rows = json_object_get(run, "rows"), *kept;
        const char *state = json_string_value(json_object_get(run, "state"));
        json_object_set_new(run, "id", json_string(ID));
        if (!state || (strcmp(state, "done") != 0 && strcmp(state, "running") != 0))
            json_object_set_new(run, "state", json_string("interrupted")); /* as an import does */
        const int rc = history_put(history, run, &why);
        fuzz_why(rc == 0, why);
        why = NULL;
        if (rc == 0) {
            fuzz_why(history_put_rows(history, ID, rows, &why) == 0, why);
            kept = history_get(history, ID);
            MUST(json_is_object(kept));
            tell(kept);
            tell_metrics(json_object_get(run, "metrics"));
            find(kept);
            json_decref(kept);
        }
    }
    json_decref(run);
    return 0;
}
