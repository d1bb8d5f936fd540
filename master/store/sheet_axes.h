// SPDX-License-Identifier: MIT
#pragma once
/* sheet_axes: the frame of a drawing of a sheet: its axes, their lines and words. */
#include "common/base/sbuf.h"

/* The room for what is drawn, in units of the picture. */
#define AXES_LEFT 64
#define AXES_RIGHT 848
#define AXES_TOP 10
#define AXES_BOTTOM 194

struct axes {
    double x0, x1, y0, y1;
    bool is_log; /* of y */
};

/* Of the lines of that run; number: the newest of its side is 0. */
const char *sheet_line_class(bool is_after, size_t number);

double axes_x(const struct axes *a, double x);
double axes_y(const struct axes *a, double y);
void axes_begin(struct sbuf *out, const char *title);
void axes_end(struct sbuf *out);
void axes_add_x(struct sbuf *out, const struct axes *a, double x, const char *words);
void axes_add_time(struct sbuf *out, const struct axes *a);                   /* x are seconds */
void axes_add_grid(struct sbuf *out, const struct axes *a, const char *unit); /* of y */
