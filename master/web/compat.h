// SPDX-License-Identifier: MIT
#pragma once
/* compat: a view as Locust's own web routes show it, for the scripts that poll them. Pure. */
#include "common/base/sbuf.h"
#include "master/view.h"

void compat_requests(const struct view *v, struct sbuf *out);   /* /stats/requests */
void compat_exceptions(const struct view *v, struct sbuf *out); /* /exceptions */
void compat_worker_count(const struct view *v, struct sbuf *out);
void compat_requests_csv(const struct view *v, struct sbuf *out);
void compat_failures_csv(const struct view *v, struct sbuf *out);
void compat_exceptions_csv(const struct view *v, struct sbuf *out);
