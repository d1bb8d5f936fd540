// SPDX-License-Identifier: MIT
#include "master/store/sheet_axes.h"
#include <math.h>
#include <stdio.h>

#define WIDTH 860
#define HEIGHT 220

const char *sheet_line_class(bool is_after, size_t number)
{
    return is_after ? number ? "after more" : "after" : number ? "before more" : "before";
}

double axes_x(const struct axes *a, double x)
{
    return AXES_LEFT + (x - a->x0) / fmax(a->x1 - a->x0, 1e-9) * (AXES_RIGHT - AXES_LEFT);
}

double axes_y(const struct axes *a, double y)
{
    const double low = a->is_log ? log(a->y0) : a->y0, high = a->is_log ? log(a->y1) : a->y1;
    const double at = a->is_log ? log(fmax(y, a->y0)) : y;
    return AXES_BOTTOM - (at - low) / fmax(high - low, 1e-9) * (AXES_BOTTOM - AXES_TOP);
}

void axes_begin(struct sbuf *out, const char *title)
{
    sbuf_addf(out,
              "<figure><figcaption>%s</figcaption><svg viewBox=\"0 0 %d %d\" role=\"img\" "
              "aria-label=\"%s\">\n",
              title, WIDTH, HEIGHT, title);
}

void axes_end(struct sbuf *out)
{
    sbuf_adds(out, "</svg></figure>\n");
}

static void add_grid_y(struct sbuf *out, const struct axes *a, double y, const char *unit)
{
    sbuf_addf(out,
              "<path class=\"grid\" d=\"M%d %.1fH%d\"/><text x=\"%d\" y=\"%.1f\" "
              "text-anchor=\"end\">%.4g%s</text>\n",
              AXES_LEFT, axes_y(a, y), AXES_RIGHT, AXES_LEFT - 6, axes_y(a, y) + 4, y, unit);
}

void axes_add_x(struct sbuf *out, const struct axes *a, double x, const char *words)
{
    sbuf_addf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", axes_x(a, x),
              HEIGHT - 8, words);
}

/* 1, 2 or 5 times a power of ten: about `parts` of them in the range. */
static double round_step(double range, double parts)
{
    const double raw = range / parts, power = pow(10, floor(log10(fmax(raw, 1e-12))));
    const double by = raw / power;
    return power * (by <= 1 ? 1 : by <= 2 ? 2 : by <= 5 ? 5 : 10);
}

void axes_add_grid(struct sbuf *out, const struct axes *a, const char *unit)
{
    if (!a->is_log) {
        const double step = round_step(a->y1 - a->y0, 4);
        for (int i = (int)ceil(a->y0 / step); i * step <= a->y1 * (1 + 1e-9) && i < 1000; i++)
            add_grid_y(out, a, i * step, unit);
        return;
    }
    const bool is_wide = a->y1 > 100 * a->y0;
    for (int power = (int)floor(log10(a->y0)); pow(10, power) <= a->y1; power++)
        for (int i = 0; i < (is_wide ? 1 : 3); i++) {
            const double y = pow(10, power) * (const double[]){1, 2, 5}[i];
            if (y >= a->y0 && y <= a->y1)
                add_grid_y(out, a, y, unit);
        }
}

void axes_add_time(struct sbuf *out, const struct axes *a)
{
    const double step = a->x1 > 600 ? 60 * round_step(a->x1 / 60, 6) : round_step(a->x1, 6);
    for (double at = 0; at <= a->x1 && step > 0; at += step) {
        char words[32];
        snprintf(words, sizeof words, "%d:%02d", (int)at / 60, (int)at % 60);
        axes_add_x(out, a, at, words);
    }
}
