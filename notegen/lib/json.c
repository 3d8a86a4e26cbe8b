/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Additions to libjansson; see json.h. */
#include "json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "diag.h"

/* Bytes of the well-formed UTF-8 sequence (Unicode, table 3-7) at TEXT, 0 where there is none. */
static size_t utf8_length(const unsigned char *text)
{
	unsigned char first = text[0], low = 0x80, high = 0xbf;
	size_t length;

	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (first == 0xe0)
		low = 0xa0; /* shorter forms exist */
	else if (first == 0xed)
		high = 0x9f; /* surrogates */
	else if (first == 0xf0)
		low = 0x90;
	else if (first == 0xf4)
		high = 0x8f; /* beyond U+10FFFF */
	if (text[1] < low || text[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if (text[i] < 0x80 || text[i] > 0xbf)
			return 0;
	return length;
}

json_t *json_text(const char *text)
{
	static const char replacement[] = "\xef\xbf\xbd";

	if (!text)
		return json_null();
	json_t *value = json_string(text);
	if (value)
		return value;

	char *clean = xmalloc(3 * strlen(text) + 1), *to = clean;
	while (*text) {
		size_t length = utf8_length((const unsigned char *)text);

		memcpy(to, length ? text : replacement, length ? length : 3);
		to += length ? length : 3;
		text += length ? length : 1;
	}
	value = json_stringn(clean, (size_t)(to - clean));
	free(clean);
	return value;
}

json_t *json_text_or_null(const char *text)
{
	return text && *text ? json_text(text) : json_null();
}

json_t *json_address(uint64_t address)
{
	char text[sizeof "0x" + 16];

	snprintf(text, sizeof text, "0x%" PRIx64, address);
	return json_string(text);
}

int json_print(json_t *value, FILE *out)
{
	int failed = json_dumpf(value, out, JSON_INDENT(2) | JSON_ENCODE_ANY) != 0;

	json_decref(value);
	if (putc('\n', out) == EOF || fflush(out) == EOF)
		failed = 1;
	return failed ? diag_errno(NULL, "writing JSON to standard output") : 0;
}
