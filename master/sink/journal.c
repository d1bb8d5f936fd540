// SPDX-License-Identifier: MIT
#include "master/sink/journal.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/sbuf.h"
#include "master/out/outfile.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define LOGGER "locust.runners"

struct told { /* by a worker, of this run */
    char *worker;
    uint64_t offered, written, dropped;
};

struct journal {
    struct sink_spec *spec;
    struct output_counts counts; /* of all runs */
    uint64_t pending;            /* requests that are neither written nor dropped; atomic */
    bool is_over;                /* nothing that is told counts any more; atomic */
    pthread_mutex_t lock;        /* of `trouble` */
    char *trouble;               /* the last that a worker told of */
    struct told *workers;        /* of the main thread */
    size_t count, cap;
};

/* ---- what workers tell ------------------------------------------------------------------- */

static struct told *told_of(struct journal *j, const char *worker)
{
    for (size_t i = 0; i < j->count; i++)
        if (!strcmp(j->workers[i].worker, worker))
            return &j->workers[i];
    if (j->count == j->cap) {
        j->cap = j->cap * 2 + 8;
        j->workers = mem_realloc(j->workers, j->cap * sizeof *j->workers);
    }
    j->workers[j->count] = (struct told){.worker = mem_strdup(worker)};
    return &j->workers[j->count++];
}

static uint64_t settled(uint64_t written, uint64_t dropped, uint64_t offered)
{
    return written + dropped < offered ? written + dropped : offered;
}

/* Modulo 2^64: a file that is removed takes back what was written. */
static void add(uint64_t *sum, uint64_t before, uint64_t now)
{
    __atomic_add_fetch(sum, now - before, __ATOMIC_RELAXED);
}

void journal_told(void *self, const char *worker, const struct journal_came *now)
{
    struct journal *j = self;
    struct told *t = told_of(j, worker);
    const uint64_t was = settled(t->written, t->dropped, t->offered);
    const uint64_t is = settled(now->written, now->dropped, now->offered);
    if (now->offered < t->offered || is < was || __atomic_load_n(&j->is_over, __ATOMIC_RELAXED))
        return; /* a report may come after a later one */
    add(&j->counts.sent, t->written, now->written);
    add(&j->counts.dropped, t->dropped, now->dropped);
    add(&j->pending, t->offered - was, now->offered - is);
    t->offered = now->offered;
    t->written = now->written;
    t->dropped = now->dropped;
    if (!now->trouble)
        return;
    pthread_mutex_lock(&j->lock);
    free(j->trouble);
    j->trouble = mem_strdup(now->trouble);
    pthread_mutex_unlock(&j->lock);
}

/* What a worker that was lost did not come to write. */
static void drop_pending(struct journal *j)
{
    const uint64_t lost = __atomic_exchange_n(&j->pending, 0, __ATOMIC_RELAXED);
    __atomic_add_fetch(&j->counts.dropped, lost, __ATOMIC_RELAXED);
    if (!lost)
        return;
    pthread_mutex_lock(&j->lock);
    if (!j->trouble)
        j->trouble = mem_strdup("a worker was lost before it had written them");
    pthread_mutex_unlock(&j->lock);
}

void journal_begins(void *self)
{
    struct journal *j = self;
    drop_pending(j);
    for (size_t i = 0; i < j->count; i++)
        free(j->workers[i].worker);
    j->count = 0;
}

bool journal_is(const struct sink_kind *kind)
{
    return kind == &sink_json || kind == &sink_csv || kind == &sink_jtl;
}

/* ---- as an output ------------------------------------------------------------------------ */

static int check(void *self, const struct snapshot *first, char **why)
{
    const struct journal *j = self;
    const struct sink_spec *spec = j->spec;
    char *option = sbuf_words("--out %s", spec->kind->name);
    (void)first;
    int rc = 0;
    if (spec->is_alone) {
        rc = outfile_claim(j, option, strcmp(spec->target, "-") ? spec->target : NULL, why);
    } else {
        if (!spec->is_far)
            outfile_make_folders(spec->target); /* what cannot be made is told below */
        rc = outfile_claim_stem(j, option, spec->target, why); /* workers put their names into it */
        if (rc == 0 && !spec->is_far) /* nobody else tries it now; else the workers tell */
            rc = outfile_check(option, spec->target, why);
    }
    free(option);
    return rc;
}

static int run_end(void *self, const struct snapshot *last, char **why)
{
    struct journal *j = self;
    __atomic_store_n(&j->is_over, true, __ATOMIC_RELAXED);
    drop_pending(j);
    const uint64_t sent = __atomic_load_n(&j->counts.sent, __ATOMIC_RELAXED);
    const uint64_t dropped = __atomic_load_n(&j->counts.dropped, __ATOMIC_RELAXED);
    (void)last;
    pthread_mutex_lock(&j->lock);
    char *trouble = j->trouble ? mem_strdup(j->trouble) : NULL;
    pthread_mutex_unlock(&j->lock);
    if (!dropped && !trouble)
        return 0;
    if (!trouble)
        trouble = sbuf_words("%s is written more slowly than requests come", j->spec->target);
    if (dropped)
        log_warning(LOGGER, "%s: %" PRIu64 " of %" PRIu64 " requests are not in the file: %s",
                    j->spec->name, dropped, dropped + sent, trouble);
    else
        log_warning(LOGGER, "%s: %s", j->spec->name, trouble);
    *why = trouble;
    return 0; /* the test is as good without */
}

static void close_it(void *self)
{
    struct journal *j = self;
    journal_begins(j);
    free(j->workers);
    free(j->trouble);
    pthread_mutex_destroy(&j->lock);
    sink_spec_free(j->spec);
    outfile_release(j);
    free(j);
}

static char *refusal(const struct sink_spec *spec, bool has_stdout)
{
    if (!spec->target)
        return sink_words(spec, "name a file, such as --out %s=requests.%s", spec->kind->name,
                          spec->kind->name);
    if (strcmp(spec->target, "-") != 0)
        return NULL;
    if (!has_stdout)
        return sink_words(spec, "standard output is for json: name a file");
    return spec->is_alone ? NULL
                          : sink_words(spec, "standard output is for a test in one process: name "
                                             "a file, and each worker writes one of its own");
}

static int make_file(struct sink_spec *spec, bool has_stdout, struct output *out, char **why)
{
    if (has_stdout && !spec->target)
        spec->target = mem_strdup("-"); /* as k6 */
    *why = refusal(spec, has_stdout);
    if (*why) {
        sink_spec_free(spec);
        return -1;
    }
    struct journal *j = mem_zalloc(sizeof *j);
    j->spec = spec;
    pthread_mutex_init(&j->lock, NULL);
    *out = (struct output){.name = spec->name,
                           .self = j,
                           .patience_s = OUTPUT_FILE_PATIENCE_S,
                           .ends_apart = true,
                           .counts = &j->counts,
                           .check = check,
                           .run_end = run_end,
                           .close = close_it};
    return 0;
}

static int make_json(struct sink_spec *spec, struct output *out, char **why)
{
    return make_file(spec, true, out, why);
}

static int make(struct sink_spec *spec, struct output *out, char **why)
{
    return make_file(spec, false, out, why);
}

#define JOURNAL_KEYS                                                                               \
    {"when-full", SINK_CHOICE, "drop", "drop wait",                                                \
     "when the disk is slower than the load: leave requests out, which are counted, or let "       \
     "users wait, which makes the load less"},                                                     \
    {                                                                                              \
        "buffer", SINK_NUMBER, "16", "1 4096", "megabytes of each worker, for a disk that is slow" \
    }

static const struct sink_key KEYS[] = {JOURNAL_KEYS};
static const struct sink_key CSV_KEYS[] = {
    {"time", SINK_CHOICE, "unix", "unix unix_milli unix_micro unix_nano rfc3339 rfc3339_nano",
     "how the time is written, as K6_CSV_TIME_FORMAT"},
    JOURNAL_KEYS,
};

const struct sink_kind sink_json = {
    .name = "json",
    .summary =
        "every request as JSON lines, as k6 writes them; by the workers, each a file of its "
        "own\n      if there are several; FILE.gz and FILE.zst are packed; -: standard output",
    .target = "FILE",
    .keys = KEYS,
    .key_count = sizeof KEYS / sizeof KEYS[0],
    .make = make_json,
};

const struct sink_kind sink_csv = {
    .name = "csv",
    .summary = "every request as lines of CSV with k6's columns; likewise",
    .target = "FILE",
    .keys = CSV_KEYS,
    .key_count = sizeof CSV_KEYS / sizeof CSV_KEYS[0],
    .make = make,
};

const struct sink_kind sink_jtl = {
    .name = "jtl",
    .summary = "every request as a line of JMeter's JTL, for Jenkins, Taurus, BlazeMeter; likewise",
    .target = "FILE",
    .keys = KEYS,
    .key_count = sizeof KEYS / sizeof KEYS[0],
    .make = make,
};
