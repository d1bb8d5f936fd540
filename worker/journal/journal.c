// SPDX-License-Identifier: MIT
/* A journal is a ring, a thread, and a file. What the thread needs to know of a place lies in the
 * ring before the first request of it, so that the two sides share nothing but the ring and a few
 * counts. The thread looks ten times a second; it is woken when the ring is half full. */
#include "worker/journal/journal.h"

#include "common/base/clk.h"
#include "common/base/mem.h"
#include "common/base/thread.h"
#include "common/base/utf8.h"
#include "worker/journal/journal_file.h"
#include "worker/journal/journal_format.h"
#include "worker/journal/journal_ring.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_NS UINT64_C(100000000)
#define FILE_LOOK_NS UINT64_C(1000000000) /* whether the file is still where it was */
#define STALL_NS                                                                                   \
    UINT64_C(2000000000) /* a writer that takes nothing for so long is not waited for */
#define WRITE_BYTES (256u << 10)
#define BLOCK_BYTES (1u << 20)        /* of packed files: smaller ones pack badly, */
#define BLOCK_NS UINT64_C(2000000000) /* and later ones are read late */
#define CLASSES_MOST 64

enum record { RECORD_PLACE, RECORD_REQUEST, RECORD_METRIC, RECORD_VALUES };

struct request_head { /* the texts follow */
    struct journal_numbers n;
    uint32_t place;
    uint16_t url_len, error_len, reason_len;
};

struct values_head {
    uint64_t at_us;
    uint32_t place, user;
    struct {
        uint32_t metric;
        double value;
    } list[JOURNAL_VALUES_MOST];
    uint32_t count;
};

struct journal {
    struct journal_ring ring;
    const struct journal_format *format;
    char *path, *time, *worker, *known; /* known: of metrics */
    bool is_more, waits;
    /* of who records */
    uint64_t offered;
    uint64_t stalled_at; /* ring.taken when it was given up to wait; UINT64_MAX: never */
    /* of both */
    _Atomic uint64_t written, dropped, values_dropped;
    _Atomic(char *) trouble, note;
    pthread_mutex_t lock;
    pthread_cond_t wake, room;
    atomic_bool is_woken;
    bool is_ending, is_done, is_given_up; /* with the lock */
    /* of the thread */
    struct journal_file *file;
    struct journal_writing writing;
    struct journal_seen *seen;
    size_t seen_count;
    struct journal_seen_metric *metrics;
    size_t metric_count;
    struct sbuf out;
    uint64_t lines, values, out_since; /* in `out`: requests, values; when the first of them came */
    uint64_t looked_at;                /* whether the file is there */
    bool is_broken;
};

struct class_users {
    char *name;
    uint32_t count;
};

struct journals {
    struct journal *list[JOURNALS_MOST];
    size_t count;
    struct journal_places places;
    unsigned *metrics; /* by number: a bit for each journal that knows it */
    size_t metric_count;
    struct class_users classes[CLASSES_MOST + 1]; /* the last: of those that are too many */
    size_t class_count;
    uint32_t users;
};

/* ---- the thread ----------------------------------------------------------------------------- */

static void break_off_for(struct journal *j, const char *words)
{
    j->is_broken = true;
    atomic_store(&j->trouble, sbuf_words("%s: %s", j->path, words));
}

static void break_off(struct journal *j, int error)
{
    char words[128];
    break_off_for(j, strerror_r(error, words, sizeof words));
}

/* What is gone with the file is not written. What was moved is where it was moved to, and so is
 * what comes. */
static void look_after_file(struct journal *j)
{
    const enum journal_place_of_file is =
        j->file && !j->is_broken ? journal_file_look(j->file) : FILE_IS_THERE;
    j->looked_at = clk_mono_ns();
    if (is == FILE_IS_REMOVED) {
        break_off_for(j, "it was removed while it was written");
        atomic_fetch_add(&j->dropped, atomic_exchange(&j->written, 0));
    } else if (is == FILE_IS_MOVED && !atomic_load(&j->note)) {
        atomic_store(&j->note, sbuf_words("%s: it was moved away while it was written; all lines "
                                          "are in the file that was moved",
                                          j->path));
    }
}

static void flush(struct journal *j)
{
    if (!j->out.len) /* of a file that could not be opened, either */
        return;
    const int error = j->is_broken ? 0 : journal_file_put(j->file, j->out.data, j->out.len);
    if (error)
        break_off(j, error);
    atomic_fetch_add(j->is_broken ? &j->dropped : &j->written, j->lines);
    if (j->is_broken)
        atomic_fetch_add(&j->values_dropped, j->values);
    j->lines = j->values = 0;
    sbuf_clear(&j->out);
    pthread_mutex_lock(&j->lock);
    pthread_cond_broadcast(&j->room);
    pthread_mutex_unlock(&j->lock);
}

static void open_file(struct journal *j)
{
    j->file = journal_file_open(j->path, j->is_more);
    if (!j->file)
        break_off(j, errno);
    else if (journal_file_is_empty(j->file) && j->format->head)
        j->format->head(&j->out);
}

/* A list with a place for this number, whose new places are empty. */
static void *grown(void *list, size_t *count, uint32_t number, size_t size)
{
    if (number < *count)
        return list;
    const size_t more = ((size_t)number + 64) * 2;
    char *bytes = mem_realloc(list, more * size);
    memset(bytes + *count * size, 0, (more - *count) * size);
    *count = more;
    return bytes;
}

static void take_place(struct journal *j, const char *record, size_t len)
{
    uint32_t number;
    memcpy(&number, record, sizeof number);
    j->seen = grown(j->seen, &j->seen_count, number, sizeof *j->seen);
    seen_read(&j->seen[number], record + sizeof number, len - sizeof number);
}

static void take_metric(struct journal *j, const char *record, size_t len)
{
    uint32_t number;
    memcpy(&number, record, sizeof number);
    j->metrics = grown(j->metrics, &j->metric_count, number, sizeof *j->metrics);
    seen_metric_read(&j->metrics[number], record + sizeof number, len - sizeof number);
}

static void begin_lines(struct journal *j)
{
    if (!j->lines && !j->values)
        j->out_since = clk_mono_ns();
}

static void take_values(struct journal *j, const char *record)
{
    struct values_head head;
    memcpy(&head, record, sizeof head);
    if (j->is_broken) {
        atomic_fetch_add(&j->values_dropped, head.count);
        return;
    }
    begin_lines(j);
    j->values += head.count;
    for (uint32_t i = 0; i < head.count; i++) {
        const struct journal_point p = {.place = &j->seen[head.place],
                                        .metric = &j->metrics[head.list[i].metric],
                                        .at_us = head.at_us,
                                        .user = head.user,
                                        .value = head.list[i].value};
        j->format->value(&j->writing, &p, &j->out);
    }
}

static void take_request(struct journal *j, const char *record)
{
    struct request_head head;
    memcpy(&head, record, sizeof head);
    const char *url = record + sizeof head, *error = url + head.url_len;
    const struct journal_request r = {head.n,
                                      {url, head.url_len},
                                      {error, head.error_len},
                                      {error + head.error_len, head.reason_len}};
    if (j->is_broken) {
        atomic_fetch_add(&j->dropped, 1);
        return;
    }
    begin_lines(j);
    j->lines++;
    j->format->lines(&j->writing, &j->seen[head.place], &r, &j->out);
}

static void take(struct journal *j, enum record kind, const char *record, size_t len)
{
    switch (kind) {
    case RECORD_PLACE:
        take_place(j, record, len);
        break;
    case RECORD_REQUEST:
        take_request(j, record);
        break;
    case RECORD_METRIC:
        take_metric(j, record, len);
        break;
    case RECORD_VALUES:
        take_values(j, record);
        break;
    }
}

/* All that is in the ring. */
static void consume(struct journal *j)
{
    const size_t most = j->file && journal_file_is_packed(j->file) ? BLOCK_BYTES : WRITE_BYTES;
    const void *record;
    unsigned kind;
    size_t len;
    while ((record = ring_peek(&j->ring, &kind, &len)) != NULL) {
        take(j, kind, record, len);
        ring_release(&j->ring);
        if (j->out.len >= most)
            flush(j);
    }
}

static bool is_due(const struct journal *j)
{
    return !j->file || !journal_file_is_packed(j->file) || clk_mono_ns() - j->out_since >= BLOCK_NS;
}

/* False: it is to end, and everything that was put is taken. */
static bool await_more(struct journal *j)
{
    bool goes_on = true;
    pthread_mutex_lock(&j->lock);
    if (j->is_ending)
        goes_on = ring_used(&j->ring) > 0;
    else if (!atomic_load(&j->is_woken))
        clk_cond_wait(&j->wake, &j->lock, clk_mono_ns() + LOOK_NS);
    atomic_store(&j->is_woken, false);
    pthread_mutex_unlock(&j->lock);
    return goes_on;
}

static void free_journal(struct journal *j)
{
    for (size_t i = 0; i < j->seen_count; i++)
        seen_fini(&j->seen[i]);
    free(j->seen);
    for (size_t i = 0; i < j->metric_count; i++)
        seen_metric_fini(&j->metrics[i]);
    free(j->metrics);
    sbuf_fini(&j->out);
    sbuf_fini(&j->writing.rest);
    ring_fini(&j->ring);
    pthread_mutex_destroy(&j->lock);
    pthread_cond_destroy(&j->wake);
    pthread_cond_destroy(&j->room);
    free(atomic_load(&j->trouble));
    free(atomic_load(&j->note));
    free(j->path);
    free(j->time);
    free(j->known);
    free(j->worker);
    free(j);
}

static void *run(void *arg)
{
    struct journal *j = arg;
    open_file(j);
    do {
        consume(j);
        if (is_due(j))
            flush(j);
        if (clk_mono_ns() - j->looked_at >= FILE_LOOK_NS)
            look_after_file(j);
    } while (await_more(j));
    flush(j);
    look_after_file(j);
    const int error = j->file ? journal_file_close(j->file) : 0;
    if (error && !j->is_broken)
        break_off(j, error);
    pthread_mutex_lock(&j->lock);
    j->is_done = true;
    const bool is_last = j->is_given_up;
    pthread_mutex_unlock(&j->lock);
    if (is_last)
        free_journal(j);
    return NULL;
}

/* ---- who records ---------------------------------------------------------------------------- */

static struct journal *open_one(const struct journal_wish *w, const char *worker)
{
    struct journal *j = mem_zalloc(sizeof *j);
    j->format = journal_format_of(w->format);
    j->path = mem_strdup(w->path);
    j->time = w->time ? mem_strdup(w->time) : NULL;
    j->worker = worker ? mem_strdup(worker) : NULL;
    j->known = w->metrics ? mem_strdup(w->metrics) : NULL;
    j->writing = (struct journal_writing){
        .worker = j->worker, .time = j->time, .known = j->known, .second = -1};
    j->is_more = w->is_more;
    j->waits = w->waits;
    j->stalled_at = UINT64_MAX;
    ring_init(&j->ring, w->buffer_bytes);
    pthread_mutex_init(&j->lock, NULL);
    pthread_cond_init(&j->wake, NULL);
    pthread_cond_init(&j->room, NULL);
    if (j->format && thread_start(NULL, run, j))
        return j;
    free_journal(j);
    return NULL;
}

struct journals *journals_open(const struct journal_wish *wishes, size_t count, const char *worker)
{
    struct journals *js = mem_zalloc(sizeof *js);
    for (size_t i = 0; i < count && i < JOURNALS_MOST; i++) {
        struct journal *j = open_one(&wishes[i], worker);
        if (!j) {
            journals_free(js);
            return NULL;
        }
        js->list[js->count++] = j;
    }
    return js;
}

static unsigned class_at(struct journals *js, const char *name, size_t len)
{
    unsigned i = 0;
    while (i < js->class_count &&
           (strlen(js->classes[i].name) != len || memcmp(js->classes[i].name, name, len) != 0))
        i++;
    if (i == js->class_count && i < CLASSES_MOST)
        js->classes[js->class_count++].name = mem_dup(name, len);
    return i;
}

void journals_users(struct journals *js, const char *class, uint32_t count)
{
    if (class)
        js->classes[class_at(js, class, strlen(class))].count = count;
    else
        js->users = count;
}

struct journal_place *journals_place(struct journals *js, const struct sbuf *texts)
{
    bool is_new;
    struct journal_place *p = places_get(&js->places, texts, &is_new);
    if (is_new) {
        const char *at = p->texts, *end = at + p->len;
        struct journal_text part = {"", 0};
        for (int i = 0; i <= JOURNAL_CLASS; i++)
            part = texts_next(&at, end);
        p->class = class_at(js, part.text, part.len);
    }
    return p;
}

bool journal_place_is_kept(const struct journal_place *p)
{
    return p->number != PLACE_NO_NUMBER;
}

static bool put_place(struct journal *j, const struct journal_place *p)
{
    char *to = ring_room(&j->ring, RECORD_PLACE, sizeof p->number + p->len);
    if (!to)
        return false;
    memcpy(to, &p->number, sizeof p->number);
    memcpy(to + sizeof p->number, p->texts, p->len);
    ring_put(&j->ring);
    return true;
}

static bool put_request(struct journal *j, const struct journal_place *p,
                        const struct journal_request *r)
{
    const struct request_head head = {.n = r->n,
                                      .place = p->number,
                                      .url_len = (uint16_t)r->url.len,
                                      .error_len = (uint16_t)r->error.len,
                                      .reason_len = (uint16_t)r->reason.len};
    char *to = ring_room(&j->ring, RECORD_REQUEST,
                         sizeof head + r->url.len + r->error.len + r->reason.len);
    if (!to)
        return false;
    to = mempcpy(to, &head, sizeof head);
    mem_copy(to, r->url.text, r->url.len);
    mem_copy(to + r->url.len, r->error.text, r->error.len);
    mem_copy(to + r->url.len + r->error.len, r->reason.text, r->reason.len);
    ring_put(&j->ring);
    return true;
}

static bool tell_place(struct journal *j, unsigned bit, struct journal_place *p)
{
    if (p->number != PLACE_NO_NUMBER && p->known_to & bit)
        return true;
    if (!put_place(j, p))
        return false;
    p->known_to |= bit;
    return true;
}

static bool tell_metric(struct journals *js, size_t which, const struct journal_value *v)
{
    const unsigned bit = 1u << which;
    const struct journal_metric *m = &v->metric;
    if (js->metrics[v->number] & bit)
        return true;
    const size_t name = strlen(m->name) + 1, type = strlen(m->type) + 1;
    const size_t contains = strlen(m->contains) + 1;
    char *to =
        ring_room(&js->list[which]->ring, RECORD_METRIC, sizeof v->number + name + type + contains);
    if (!to)
        return false;
    to = mempcpy(to, &v->number, sizeof v->number);
    to = mempcpy(to, m->name, name);
    to = mempcpy(to, m->type, type);
    memcpy(to, m->contains, contains);
    ring_put(&js->list[which]->ring);
    js->metrics[v->number] |= bit;
    return true;
}

static bool put_values(struct journal *j, const struct values_head *head)
{
    char *to = ring_room(&j->ring, RECORD_VALUES, sizeof *head);
    if (!to)
        return false;
    memcpy(to, head, sizeof *head);
    ring_put(&j->ring);
    return true;
}

static void wake(struct journal *j)
{
    if (ring_used(&j->ring) < j->ring.size / 2 || atomic_exchange(&j->is_woken, true))
        return;
    pthread_mutex_lock(&j->lock);
    pthread_cond_signal(&j->wake);
    pthread_mutex_unlock(&j->lock);
}

static void drop(struct journal *j)
{
    j->offered++;
    atomic_fetch_add(&j->dropped, 1);
}

static bool is_stalled(struct journal *j)
{
    return j->stalled_at == atomic_load(&j->ring.taken);
}

static struct journal_text cut(struct journal_text t)
{
    if (t.len > JOURNAL_TEXT_MOST)
        t.len = utf8_cut(t.text, t.len, JOURNAL_TEXT_MOST);
    return t;
}

/* They are counted now and then, and this one may be younger. */
static uint32_t at_least_its_own(const struct journal_request *r, uint32_t users)
{
    return r->n.user && !users ? 1 : users;
}

unsigned journals_put(struct journals *js, struct journal_place *place,
                      const struct journal_request *r, unsigned to)
{
    unsigned full = 0;
    struct journal_request mine = *r;
    mine.url = cut(r->url);
    mine.error = cut(r->error);
    mine.reason = cut(r->reason);
    mine.n.users = at_least_its_own(r, js->users);
    mine.n.class_users = at_least_its_own(r, js->classes[place->class].count);
    for (size_t i = 0; i < js->count; i++) {
        struct journal *j = js->list[i];
        const unsigned bit = 1u << i;
        if (!(to & bit))
            continue;
        if (tell_place(j, bit, place) && put_request(j, place, &mine))
            j->offered++;
        else if (j->waits && !is_stalled(j))
            full |= bit;
        else
            drop(j);
        wake(j);
    }
    return full;
}

static void know_metrics(struct journals *js, const struct journal_value *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].number >= js->metric_count) {
            const size_t most = (list[i].number + 8) * 2;
            js->metrics = mem_realloc(js->metrics, most * sizeof *js->metrics);
            memset(js->metrics + js->metric_count, 0,
                   (most - js->metric_count) * sizeof *js->metrics);
            js->metric_count = most;
        }
}

static bool put_all(struct journals *js, size_t which, struct journal_place *place,
                    const struct journal_value *list, const struct values_head *head)
{
    if (!tell_place(js->list[which], 1u << which, place))
        return false;
    for (size_t i = 0; i < head->count; i++)
        if (!tell_metric(js, which, &list[i]))
            return false;
    return put_values(js->list[which], head);
}

unsigned journals_put_values(struct journals *js, struct journal_place *place, uint64_t at_us,
                             uint32_t user, const struct journal_value *list, size_t count,
                             unsigned to)
{
    unsigned full = 0;
    struct values_head head = {.at_us = at_us, .place = place->number, .user = user};
    for (; head.count < count && head.count < JOURNAL_VALUES_MOST; head.count++) {
        head.list[head.count].metric = list[head.count].number;
        head.list[head.count].value = list[head.count].value;
    }
    know_metrics(js, list, head.count);
    for (size_t i = 0; i < js->count; i++) {
        struct journal *j = js->list[i];
        if (!(to & 1u << i) || !j->format->value)
            continue;
        if (!put_all(js, i, place, list, &head)) {
            if (j->waits && !is_stalled(j))
                full |= 1u << i;
            else
                atomic_fetch_add(&j->values_dropped, head.count);
        }
        wake(j);
    }
    return full;
}

bool journals_have_values(const struct journals *js)
{
    for (size_t i = 0; i < js->count; i++)
        if (js->list[i]->format->value)
            return true;
    return false;
}

void journals_await_room(struct journals *js, unsigned which)
{
    for (size_t i = 0; i < js->count; i++) {
        struct journal *j = js->list[i];
        if (!(which & 1u << i))
            continue;
        const uint64_t taken = atomic_load(&j->ring.taken), until = clk_mono_ns() + STALL_NS;
        int rc = 0;
        pthread_mutex_lock(&j->lock);
        while (rc != ETIMEDOUT && ring_used(&j->ring) > j->ring.size / 2)
            rc = clk_cond_wait(&j->room, &j->lock, until);
        pthread_mutex_unlock(&j->lock);
        if (atomic_load(&j->ring.taken) == taken)
            j->stalled_at = taken;
    }
}

void journals_drop(struct journals *js, unsigned which)
{
    for (size_t i = 0; i < js->count; i++)
        if (which & 1u << i)
            drop(js->list[i]);
}

void journals_drop_values(struct journals *js, unsigned which, size_t count)
{
    for (size_t i = 0; i < js->count; i++)
        if (which & 1u << i && js->list[i]->format->value)
            atomic_fetch_add(&js->list[i]->values_dropped, count);
}

void journals_end(struct journals *js)
{
    for (size_t i = 0; i < js->count; i++) {
        struct journal *j = js->list[i];
        pthread_mutex_lock(&j->lock);
        j->is_ending = true;
        pthread_cond_signal(&j->wake);
        pthread_mutex_unlock(&j->lock);
    }
}

size_t journals_count(const struct journals *js)
{
    return js->count;
}

struct journal_state journals_state(struct journals *js, size_t which)
{
    struct journal *j = js->list[which];
    struct journal_state s = {.trouble = atomic_load(&j->trouble), .note = atomic_load(&j->note)};
    pthread_mutex_lock(&j->lock);
    s.is_done = j->is_done;
    pthread_mutex_unlock(&j->lock);
    s.dropped = atomic_load(&j->dropped);
    s.written = atomic_load(&j->written);
    s.values_dropped = atomic_load(&j->values_dropped);
    s.offered = j->offered;
    return s;
}

void journals_free(struct journals *js)
{
    if (!js)
        return;
    journals_end(js);
    for (size_t i = 0; i < js->count; i++) {
        struct journal *j = js->list[i];
        pthread_mutex_lock(&j->lock);
        const bool is_done = j->is_done;
        j->is_given_up = true;
        pthread_mutex_unlock(&j->lock);
        if (is_done)
            free_journal(j);
    }
    for (size_t i = 0; i < js->class_count; i++)
        free(js->classes[i].name);
    places_fini(&js->places);
    free(js->metrics);
    free(js);
}
