// SPDX-License-Identifier: MIT
#pragma once
/* labelled: what a worker counts of requests by labels, for outputs that want to tell them apart by
 * more than method and name: two metrics with the tags method, name and the labels, as series among
 * the others of a report. The master keeps them beside the rows (master/data/labelled.h), and shows
 * them nowhere else. */

#define LABELLED_DURATION "katydid_request_duration" /* a trend in ms, of those with a time */
#define LABELLED_FAILED "katydid_request_failed"     /* a rate, of all: which of them failed */

/* Keys of labels, as the order of a test has them and tags of requests do. */
#define LABEL_KEY_SCENARIO "scenario"
#define LABEL_KEY_CLASS "class"
#define LABEL_KEY_GROUP "group"
