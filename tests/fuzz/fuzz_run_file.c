// SPDX-License-Identifier: MIT
/* Any bytes as the file of a run from elsewhere (first byte even), or as what is in its frames,
 * whose sums are right (odd): what is read keeps its limits, everything else is an error with
 * words.
 *
 * Of frames: kind, level, two bytes for the length, contents. */
#include "master/store/run_file.h"
#include "master/store/run_kept.h"
#include "master/store/run_metric.h"
#include "master/store/stored.h"
#include "tests/fuzz/fuzz.h"

static char made[] = "/dev/shm/katydid-fuzz-XXXXXX";

static void clean(void)
{
    unlink(made);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    MUST(close(mkstemp(made)) == 0);
    atexit(clean);
    return 0;
}

static void look(const char *path)
{
    char *why = NULL;
    struct sbuf kept = {0};
    struct stored *s = stored_open(path, &stored_all, false, &why);
    fuzz_why(s, why);
    if (s)
        MUST(json_is_object(s->meta) && s->stats.row_count <= 1u << 20);
    json_t *rows = NULL, *meta = s ? stored_mend(s, &rows) : NULL;
    if (s) {
        const struct contrast_run run = {s->timeline, &s->stats, s->meta};
        json_t *metrics = run_metric_table(&run, rows);
        MUST(json_is_array(metrics));
        json_decref(metrics);
    }
    json_decref(meta);
    json_decref(rows);
    stored_close(s);
    run_kept_read(path, &kept);
    sbuf_fini(&kept);
}

static void look_at_frames(const uint8_t *data, size_t size)
{
    unlink(made);
    struct run_file *f = run_file_create(made);
    MUST(f);
    int64_t at = 1700000000;
    while (size > 4) {
        size_t len = (size_t)data[2] << 8 | data[3];
        len = len < size - 4 ? len : size - 4;
        const struct run_frame head = {
            .kind = (enum run_frame_kind)data[0], .level = data[1], .from = at, .to = at + 1};
        MUST(run_file_put(f, &head, data + 4, len) == 0);
        data += 4 + len;
        size -= 4 + len;
        at++;
    }
    run_file_close(f);
    look(made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    if (data[0] % 2)
        look_at_frames(data + 1, size - 1);
    else
        look(fuzz_file(data + 1, size - 1));
    return 0;
}
