/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text without a C library; see text.h. */
#include "text.h"

#include "kernel.h"

bool equal(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

const char *after(const char *text, const char *prefix)
{
	while (*prefix)
		if (*text++ != *prefix++)
			return NULL;
	return text;
}

bool contains(const char *text, const char *word)
{
	for (; *text; text++)
		if (after(text, word))
			return true;
	return false;
}

size_t length_of(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}

const char *last_component(const char *path)
{
	const char *last = path;

	for (; *path; path++)
		if (*path == '/')
			last = path + 1;
	return last;
}

/* What is to be said, on its way. */
struct line {
	char text[512];
	size_t used; /* bytes */
};

static __attribute__((noinline)) void put(struct line *line, const char *text)
{
	for (; *text; text++) {
		if (line->used == sizeof line->text) {
			kernel_write(2, line->text, line->used);
			line->used = 0;
		}
		line->text[line->used++] = *text;
	}
}

void say(const char *first, const char *second, const char *third)
{
	struct line line;

	line.used = 0;
	put(&line, "prelink-rtld: ");
	put(&line, first);
	put(&line, ": ");
	put(&line, second);
	put(&line, third ? ": " : "");
	put(&line, third ? third : "");
	put(&line, "\n");
	kernel_write(2, line.text, line.used);
}
