// SPDX-License-Identifier: MIT
#pragma once
/* journal: a file with every single request of this worker, and, where its format has them, with
 * every value of other metrics. No Python in here.
 *
 * One that is recorded is put as numbers and short texts into a ring of fixed size; a thread of the
 * journal makes lines of them, packs and writes them. So a request costs a copy of some hundred
 * bytes, and a disk that is slower than the load, hangs or is full delays nothing: what finds no
 * room is dropped, and counted. Lines are in the order in which the requests were recorded.
 *
 * Who records is one thread at a time (whoever has the GIL); all functions but journal_await_room,
 * which is for waiting without it, are that thread's.
 *
 * After the first error of the file no more is written, and the file is cut back to its last whole
 * line (if it is packed, its last whole block). For each journal, at its end:
 * requests = written + dropped. Written are those that can be read in the file whatever becomes of
 * this process: of a file that is removed, none.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_NO_TIME UINT64_MAX

enum journal_phase { /* where the time went, in this order */
                     JOURNAL_QUEUE,
                     JOURNAL_DNS,
                     JOURNAL_CONNECT,
                     JOURNAL_TLS,
                     JOURNAL_SEND,
                     JOURNAL_WAIT,
                     JOURNAL_RECEIVE,
                     JOURNAL_PHASES
};

struct journal_text { /* UTF-8 */
    const char *text;
    size_t len;
};

/* What requests have in common: method, name, class of the user, scenario, group, and tags. Each
 * set of them is kept once. */
enum journal_part {
    JOURNAL_METHOD,
    JOURNAL_NAME,
    JOURNAL_CLASS, /* "" of none, as those below */
    JOURNAL_SCENARIO,
    JOURNAL_GROUP,
    JOURNAL_PARTS
};
#define JOURNAL_TAGS_MOST 32
#define JOURNAL_TEXT_MOST 2048 /* bytes; of URLs and errors as well */

struct sbuf;

struct journal_numbers {
    uint64_t ended_us; /* unix time */
    uint64_t time_us;  /* JOURNAL_NO_TIME: it has none */
    uint64_t bytes;    /* of the body, or what user code says */
    uint64_t sent_bytes, received_bytes;
    uint32_t phase_us[JOURNAL_PHASES];
    uint32_t user;                /* its number, from 1 up; 0: not known */
    uint32_t class_users, users;  /* there are then; journals_put fills them in */
    uint16_t status, error_code;  /* of HTTP; by k6's numbers. 0: none */
    uint8_t version, tls_version; /* 10, 11, 20; 10 to 13; 0: none */
    bool is_failed;
    bool is_measured; /* phases and the bytes on the wire are known */
};

struct journal_request {
    struct journal_numbers n;
    struct journal_text url, error, reason; /* empty: none */
};

/* What a value is of, as k6 tells of it. */
struct journal_metric {
    const char *name, *type, *contains; /* type: counter, gauge, rate, trend; contains: default,
                                           time (milliseconds), data (bytes) */
};
struct journal_value {
    uint32_t number; /* from 0 up, one for each metric: as few as can be */
    struct journal_metric metric;
    double value;
};
#define JOURNAL_VALUES_MOST 2 /* at one time */

struct journals;      /* those of a worker, for one run */
struct journal_place; /* what a request has in common with others */

struct journal_wish {
    const char *format;  /* "json", "csv" or "jtl" */
    const char *path;    /* "-": standard output; packed by what it ends with: .gz, .zst */
    const char *time;    /* of csv: as k6's K6_CSV_TIME_FORMAT; NULL: unix */
    bool is_more;        /* what is there stays */
    bool waits;          /* when it is full, whoever records waits, for a while */
    size_t buffer_bytes; /* of the ring */
    /* JSON: what the run's thresholds say of metrics: of each a line, its name, their sources as an
     * array, its parts as another or null, with tabs between; NULL: nothing. */
    const char *metrics;
};

#define JOURNALS_MOST 8

/* worker: named in each line; NULL: there is only one. At most JOURNALS_MOST; files are opened by
 * the threads, which is never waited for. NULL: there is no thread to be had. */
struct journals *journals_open(const struct journal_wish *wishes, size_t count, const char *worker);

/* The texts of a place, one after the other: its parts in their order, then a key and a value of
 * each tag. What is longer than JOURNAL_TEXT_MOST is cut. */
void journal_pack(struct sbuf *texts, const char *text, size_t len);
/* The place with these texts; valid as long as the journals, or, if there are too many of them,
 * until the next call. */
struct journal_place *journals_place(struct journals *js, const struct sbuf *texts);
bool journal_place_is_kept(const struct journal_place *p); /* not only until the next call */

/* A bit for each journal that has no room and would wait for it; all others of `to` have it, or
 * count it as dropped. */
unsigned journals_put(struct journals *js, struct journal_place *place,
                      const struct journal_request *r, unsigned to);
#define JOURNALS_ALL (~0u)
/* The same of values, which are of one time (unix, us), user (0: none) and place, of which method
 * and name are not looked at. Formats that have none of them take them as written. */
unsigned journals_put_values(struct journals *js, struct journal_place *place, uint64_t at_us,
                             uint32_t user, const struct journal_value *list, size_t count,
                             unsigned to);
/* Whether there is one with a format that has values. */
bool journals_have_values(const struct journals *js);
/* Waits until those have room, or do not come forward. Any thread. */
void journals_await_room(struct journals *js, unsigned which);
/* Those have dropped a request; so many values. */
void journals_drop(struct journals *js, unsigned which);
void journals_drop_values(struct journals *js, unsigned which, size_t count);
/* How many users this worker has now, of that class; NULL: of all. */
void journals_users(struct journals *js, const char *class, uint32_t count);

/* Nothing more comes: has all of it written, and the files closed. */
void journals_end(struct journals *js);

struct journal_state {
    uint64_t offered, written, dropped; /* requests */
    uint64_t values_dropped;
    const char *trouble; /* why nothing more is written; NULL: it is */
    const char *note;    /* what is to be known of the file; NULL: nothing. Both live
                            as long as the journals */
    bool is_done;        /* after journals_end */
};
size_t journals_count(const struct journals *js);
struct journal_state journals_state(struct journals *js, size_t which);
/* A journal that is not done is given up: what is not written counts as dropped, its thread ends by
 * itself, should it ever. NULL is fine. */
void journals_free(struct journals *js);
