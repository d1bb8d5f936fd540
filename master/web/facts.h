// SPDX-License-Identifier: MIT
#pragma once
/* facts: some of the template arguments of Locust's page and report, under its names, as JSON in an
 * inert block: scripts look for `"state": "running"` in the page, and for the locustfile's name and
 * the host in a report. Nothing of ours reads it. Escaped, so that no text can end the block.
 */
struct sbuf;
struct view;

void facts_add_page(struct sbuf *html, const struct view *v);
void facts_add_report(struct sbuf *html, const struct view *v);
