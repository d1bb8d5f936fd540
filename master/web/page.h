// SPDX-License-Identifier: MIT
#pragma once
/* page: the built page, at the base path. */
struct request;

int page_get(struct request *r); /* a request_handler */
