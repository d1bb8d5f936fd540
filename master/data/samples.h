// SPDX-License-Identifier: MIT
#pragma once
/* samples: single requests of this run, as their workers wrote them down, for the page.
 *
 * Of each kind of failures of (method, name) the newest SAMPLES_PER_FAILURE, of each row the
 * slowest SAMPLES_PER_ROW; SAMPLES_BYTES in all, of which the kind that was fed longest ago goes
 * first. Each is kept as the JSON the page gets. Main thread only. Pure.
 */
#include <stddef.h>

#define SAMPLES_PER_FAILURE 5
#define SAMPLES_PER_ROW 10
#define SAMPLES_BYTES (16u << 20)

struct sbuf;
struct sample_in;
struct samples;

struct samples *samples_new(size_t max_bytes);
void samples_free(struct samples *s);
void samples_clear(struct samples *s); /* a new run, or its statistics were reset */
void samples_add(struct samples *s, const char *worker, struct sample_in *in); /* takes in->json */

/* {"samples": […]}: failures newest first, slow ones slowest first. text NULL: the slow ones of the
 * row. */
void samples_write(const struct samples *s, const char *method, const char *name, const char *text,
                   struct sbuf *out);
/* The same of a check by its name, whatever its predicate raised, of all rows; the kind that was
 * fed last first. */
void samples_write_check(const struct samples *s, const char *check, struct sbuf *out);
/* All of them: {"left_out": N, "kinds": [[method, name, text or null, […]], …]}, the kind that was
 * fed last first, as many as fit into max_bytes; left_out counts the other kinds. */
void samples_write_all(const struct samples *s, size_t max_bytes, struct sbuf *out);
size_t samples_bytes(const struct samples *s); /* of memory */
size_t samples_count(const struct samples *s, const char *method, const char *name,
                     const char *text);
