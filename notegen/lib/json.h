/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small additions to libjansson, with which both tools write JSON.  (Reading it is libyaml's.) */
#ifndef JSON_H
#define JSON_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

/* A JSON string of TEXT, which may hold any bytes (file names do): each byte that is not part of
 * well-formed UTF-8 becomes U+FFFD.  NULL gives null.  A new reference. */
json_t *json_text(const char *text);

/* The same, but null also for the empty text. */
json_t *json_text_or_null(const char *text);

/* An address as the string "0x...": JSON readers lose the low bits of large numbers. */
json_t *json_address(uint64_t address);

/* Writes VALUE, indented, and a newline to OUT, and gives up the reference.  0, or -1 after a message
 * when something could not be written. */
int json_print(json_t *value, FILE *out);

#endif
