// SPDX-License-Identifier: MIT
#pragma once
/* compat: a view as the answers of Locust's own web routes. Pure: a view in, text out. */
#include "common/base/sbuf.h"
#include "master/data/view.h"

void compat_requests(const struct view *v, struct sbuf *out);     /* /stats/requests */
void compat_exceptions(const struct view *v, struct sbuf *out);   /* /exceptions */
void compat_worker_count(const struct view *v, struct sbuf *out); /* /worker-count */
size_t compat_connected(const struct view *v); /* workers; 0 when the test is not distributed */
/* The name of a download: Locust_<start>_<locustfile>[_<host>]<suffix>. */
void compat_file_name(const struct view *v, const char *suffix, struct sbuf *out);
