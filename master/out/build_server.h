// SPDX-License-Identifier: MIT
#pragma once
/* build_server: lines by which Azure Pipelines and TeamCity show what came of a run, in their own
 * words. Names come from tests and servers: nothing of them ends a command. */
#include "master/out/document.h"

document_write azure_write, teamcity_write;
/* One of these at the end of the run: on standard output, or on standard error where another output
 * writes to that. */
struct output build_server_output(const char *name, document_write *write);
