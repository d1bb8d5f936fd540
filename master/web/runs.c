// SPDX-License-Identifier: MIT
#include "master/web/runs.h"
#include "common/base/clk.h"
#include "common/base/mem.h"
#include "master/data/timeline_levels.h"
#include "master/store/run_id.h"
#include "master/store/run_kept.h"
#include "master/store/stored.h"
#include "master/web/turns.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct held {
    char id[RUN_ID_SIZE];
    struct stat file;  /* as it was read */
    struct view *view; /* a reference; NULL: free */
    uint64_t used_ns;
};

struct runs {
    char *folder; /* or NULL */
    pthread_mutex_t lock;
    struct held held[RUNS_HELD];
};

struct runs *runs_new(const char *folder)
{
    struct runs *r = mem_zalloc(sizeof *r);
    r->folder = folder ? mem_strdup(folder) : NULL;
    pthread_mutex_init(&r->lock, NULL);
    return r;
}

static void let_go(struct held *h)
{
    if (h->view)
        view_unref(h->view);
    *h = (struct held){.view = NULL};
}

void runs_free(struct runs *r)
{
    for (size_t i = 0; i < RUNS_HELD; i++)
        let_go(&r->held[i]);
    pthread_mutex_destroy(&r->lock);
    free(r->folder);
    free(r);
}

/* Takes text. */
static void say(struct runs_trouble *t, int status, char *text)
{
    *t = (struct runs_trouble){status, text};
}

struct history *runs_open(const struct runs *r, struct runs_trouble *t)
{
    char *why = NULL;
    if (!r->folder) {
        say(t, 404, mem_strdup("No history is kept: it was started with --history off."));
        return NULL;
    }
    struct history *h = history_open(r->folder, false, &why);
    if (!h)
        say(t, history_is_there(r->folder) ? 503 : 404, why);
    return h;
}

json_t *runs_find(struct history *h, const char *spec, struct runs_trouble *t)
{
    char *why = NULL;
    json_t *run = run_id_is(spec) ? history_get(h, spec) : NULL;
    if (run)
        return run;
    bool is_several = false;
    run = history_find_one(h, spec, &is_several, &why);
    if (!run)
        say(t, is_several ? 400 : 404, why);
    return run;
}

/* ---- runs that are open ---- */

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* A new reference; NULL: it is not open, or its file has changed. */
static struct view *look_up(struct runs *r, const char *id, const struct stat *file)
{
    const uint64_t now = clk_mono_ns();
    struct view *view = NULL;
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < RUNS_HELD; i++) {
        struct held *h = &r->held[i];
        const bool is_it = h->view && strcmp(h->id, id) == 0;
        if (is_it && is_same(&h->file, file)) {
            h->used_ns = now;
            view = h->view;
            view_ref(view);
        } else if (h->view && (is_it || now - h->used_ns > RUNS_HELD_S * UINT64_C(1000000000))) {
            let_go(h);
        }
    }
    pthread_mutex_unlock(&r->lock);
    return view;
}

static size_t bytes_of(const struct view *v)
{
    return v->timeline ? v->timeline->bytes : 0;
}

/* A free place, after those that are longest unused had to make room. */
static struct held *place(struct runs *r, size_t more)
{
    for (;;) {
        struct held *oldest = NULL, *free_one = NULL;
        size_t bytes = more;
        for (size_t i = 0; i < RUNS_HELD; i++) {
            struct held *h = &r->held[i];
            if (!h->view)
                free_one = h;
            else if (!oldest || h->used_ns < oldest->used_ns)
                oldest = h;
            bytes += h->view ? bytes_of(h->view) : 0;
        }
        if (free_one && (bytes <= RUNS_BYTES || !oldest))
            return free_one;
        let_go(oldest);
    }
}

static void keep(struct runs *r, const char *id, const struct stat *file, struct view *view)
{
    pthread_mutex_lock(&r->lock);
    struct held *h = place(r, bytes_of(view));
    view_ref(view);
    *h = (struct held){.file = *file, .view = view, .used_ns = clk_mono_ns()};
    memcpy(h->id, id, sizeof h->id);
    pthread_mutex_unlock(&r->lock);
}

void runs_forget(struct runs *r, const char *id)
{
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < RUNS_HELD; i++)
        if (strcmp(r->held[i].id, id) == 0)
            let_go(&r->held[i]);
    pthread_mutex_unlock(&r->lock);
}

static struct view *read_file(struct runs *r, const char *id, const char *path,
                              const struct stat *file, struct runs_trouble *t)
{
    char *why = NULL;
    if (!turns_take()) {
        say(t, 503, mem_strdup(TURNS_BUSY));
        return NULL;
    }
    struct view *view = look_up(r, id, file); /* who had the turn before may have read it */
    struct stored *s = view ? NULL : stored_open(path, &stored_all, true, &why);
    turns_give();
    if (s) {
        view = s->view;
        view_ref(view);
        keep(r, id, file, view);
        stored_close(s);
    }
    if (!view)
        say(t, 503, why);
    return view;
}

/* The id of the run that is meant, and its file (malloced). */
static char *path_of(struct runs *r, const char *spec, char id[static RUN_ID_SIZE],
                     struct runs_trouble *t)
{
    char *path = NULL;
    struct history *h = runs_open(r, t);
    json_t *run = h ? runs_find(h, spec, t) : NULL;
    const char *found = json_string_value(json_object_get(run, "id"));
    if (found && run_id_is(found)) {
        memcpy(id, found, RUN_ID_SIZE);
        path = history_path(h, id);
    }
    json_decref(run);
    history_close(h);
    return path;
}

struct view *runs_view(struct runs *r, const char *spec, struct runs_trouble *t)
{
    char id[RUN_ID_SIZE];
    struct stat file;
    char *path = path_of(r, spec, id, t);
    struct view *view = NULL;
    if (!path)
        return NULL;
    if (stat(path, &file) != 0) {
        say(t, 404, sbuf_words("The file of run %s is gone.", id));
    } else {
        view = look_up(r, id, &file);
        if (!view)
            view = read_file(r, id, path, &file, t);
    }
    free(path);
    return view;
}

bool runs_kept(struct runs *r, const char *spec, struct sbuf *out, struct runs_trouble *t)
{
    char id[RUN_ID_SIZE];
    char *path = path_of(r, spec, id, t);
    if (!path)
        return false;
    const bool is_mine = turns_take(), is_read = is_mine && run_kept_read(path, out);
    const int error = errno;
    if (is_mine)
        turns_give();
    if (!is_mine)
        say(t, 503, mem_strdup(TURNS_BUSY));
    else if (!is_read)
        say(t, error == ENOENT ? 404 : 503,
            error == ENOENT
                ? sbuf_words("The file of run %s is gone.", id)
                : sbuf_words("%s: %s", path,
                             error == EBADMSG ? "this is no file of a run, or it is damaged"
                                              : strerror(error)));
    free(path);
    return is_read;
}

struct view *runs_outline(const struct history *h, const json_t *run, struct runs_trouble *t)
{
    const char *id = json_string_value(json_object_get(run, "id"));
    const struct stored_part part =
        stored_outline(json_number_value(json_object_get(run, "duration")));
    char *why = NULL, *path = history_path(h, id ? id : "");
    struct stored *s = stored_open(path, &part, true, &why);
    struct view *view = s ? s->view : NULL;
    if (s)
        view_ref(view);
    else
        say(t, 503, why);
    stored_close(s);
    free(path);
    return view;
}
