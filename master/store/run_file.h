// SPDX-License-Identifier: MIT
#pragma once
/* run_file: the file of one run (ID.kdrun): a head, then frames, each complete in itself and behind
 * the others. While the run goes on frames are appended; what a crash cut short at the end is not
 * looked at. So there is no index that could be lost: the heads of the frames are one.
 *
 *   head    "KDRUN", a zero, version (2 bytes)
 *   frame   "KDFR", kind, level (1 byte each), 2 zeros, from, to (8 each), length of the contents
 *           and of them as they are here (4 each), CRC-32 of all that and the contents (4); then
 *           these, compressed by zstd
 *
 * Numbers have the machine's order of bytes, which is the little-endian one of all that we run on.
 * Of META, ROWS … the last one holds, unless it says otherwise. A file that is written is locked
 * (flock), so that others can tell a run that goes on from one whose master is gone.
 *
 * Errors: -1 or NULL with errno. One thread a handle. */
#include "common/base/sbuf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RUN_FILE_VERSION 1
#define RUN_FRAME_MAX (256u << 20) /* bytes of contents */

enum run_frame_kind {
    RUN_META = 1, /* JSON object: what is known of the run */
    RUN_NAMES,    /* JSON array of rows and kinds of failures that are new; all of them hold */
    RUN_BLOCKS,   /* of `level`: timeline blocks of [from, to) */
    RUN_GONE,     /* of `level`, what was before `to` was given up */
    RUN_TOTALS,   /* JSON: failures, exceptions, events and metrics at the end */
    RUN_ROWS,     /* a record of all of the run for each row */
    RUN_COURSES,  /* JSON object: scenarios, and courses of metrics (run_kept.h) */
    RUN_TRACES,   /* JSON object: samples of requests, log lines: what people may not hand on */
};

struct run_frame {
    enum run_frame_kind kind;
    unsigned level;
    int64_t from, to;
    uint32_t len, packed; /* bytes of the contents, and of what they are compressed to */
    uint64_t at;          /* of its head in the file */
};

struct run_file;
struct run_file *run_file_create(const char *path); /* new, and locked */
struct run_file *run_file_open(const char *path);   /* to be read; EBADMSG: no such file of ours,
                                                       ENOTSUP: of a newer version */
void run_file_close(struct run_file *f);            /* NULL is fine */

int run_file_put(struct run_file *f, const struct run_frame *head, const void *bytes, size_t len);
/* All that was put is on the disk. */
int run_file_sync(struct run_file *f);
uint64_t run_file_bytes(const struct run_file *f);

size_t run_file_count(const struct run_file *f); /* of whole frames */
const struct run_frame *run_file_frame(const struct run_file *f, size_t i);
/* The contents of a frame instead of what is in out; EBADMSG: damaged. */
int run_file_read(struct run_file *f, size_t i, struct sbuf *out);
/* Leaves out the frames that keep does not want, by a new file in the place of the old one. */
int run_file_thin(struct run_file *f, bool (*keep)(void *arg, const struct run_frame *frame),
                  void *arg);
/* Whether somebody writes it now. */
bool run_file_is_written(const char *path);
