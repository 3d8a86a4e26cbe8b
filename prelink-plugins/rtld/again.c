/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starting a program again; see again.h. */
#include "again.h"

#include <linux/limits.h>

#include "kernel.h"
#include "text.h"

static const char tunables[] = "GLIBC_TUNABLES=", room[] = "glibc.rtld.optional_static_tls=";

static size_t count(const char *const *list)
{
	size_t n = 0;

	while (list[n])
		n++;
	return n;
}

static char *append(char *to, const char *text)
{
	while (*text)
		*to++ = *text++;
	return to;
}

static char *append_number(char *to, size_t number)
{
	char digit[24];
	size_t n = 0;

	do
		digit[n++] = (char)('0' + number % 10);
	while (number /= 10);
	while (n)
		*to++ = digit[--n];
	return to;
}

/* Where VALUE, of GLIBC_TUNABLES, has ours; NULL where it has not. */
static const char *own_room(const char *value)
{
	for (; *value; value += *value == ':') {
		const char *rest = after(value, room);

		if (rest)
			return rest;
		while (*value && *value != ':')
			value++;
	}
	return NULL;
}

/* The number that TEXT starts with, decimal as glibc's own examples have it. */
static size_t number(const char *text)
{
	size_t value = 0;

	while (*text >= '0' && *text <= '9' && value < SIZE_MAX / 16)
		value = value * 10 + (size_t)(*text++ - '0');
	return value;
}

/* VARIABLE with NEED bytes of room, at TO, where it has space; false if it has as much already. */
static bool put_room(char *to, const char *variable, size_t need)
{
	const char *value = variable ? after(variable, tunables) : "", *there = own_room(value);

	if (there && number(there) >= need)
		return false;
	to = append(append(append(to, tunables), value),
		    *value ? ":" : ""); /* the last one of a name counts */
	*append_number(append(to, room), need) = '\0';
	return true;
}

/* True if VALUE, of LD_AUDIT, names the module and nobody else's. */
static bool is_ours_alone(const char *value)
{
	static const char name[] = "/prelink-rtld.so";
	size_t size = length_of(value);

	return !contains(value, ":") && size >= sizeof name - 1 &&
	       after(value + size - (sizeof name - 1), name);
}

static bool same_file(const char *a, const char *b)
{
	struct statx one, other;

	return kernel_stat_path(a, &one) == 0 && kernel_stat_path(b, &other) == 0 &&
	       one.stx_ino == other.stx_ino && one.stx_dev_major == other.stx_dev_major &&
	       one.stx_dev_minor == other.stx_dev_minor;
}

/* Starts what runs here with ARGUMENTS and LIST: by its own name where that still leads to it, since the
 * kernel calls the process so; else, of a script's interpreter for one, by where it lies, and what has no
 * place any more by what /proc has of it. */
static void start(const struct environment *environment, const char *const *arguments,
		  const char *const *list)
{
	static const char self[] = "/proc/self/exe";
	char path[PATH_MAX];
	long end = kernel_readlink(self, path, sizeof path - 1);

	if (environment->name && same_file(environment->name, self))
		kernel_execve(environment->name, arguments, list);
	if (end > 0) {
		path[end] = '\0';
		if (same_file(path, self))
			kernel_execve(path, arguments, list);
	}
	kernel_execve(self, arguments, list);
}

void start_again(const struct environment *environment, size_t need)
{
	const char *const *arguments = environment->arguments, *const * old, *variable = NULL;
	size_t kept = 0;
	bool audited = false;

	if (!arguments)
		return;
	old = arguments + count(arguments) + 1;
	size_t entries = count(old);
	for (size_t i = 0; i < entries; i++) {
		const char *audit = after(old[i], "LD_AUDIT=");
		audited |= audit && is_ours_alone(audit);
		if (after(old[i], tunables))
			variable = old[i];
	}
	size_t size = (entries + 2) * sizeof(char *);
	const char **list =
		kernel_mmap(size + sizeof tunables + sizeof room + 32 + (variable ? length_of(variable) : 0),
			    PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (!list)
		return;
	for (size_t i = 0; i < entries; i++)
		if (!(audited ? after(old[i], "LD_AUDIT=") : after(old[i], tunables)))
			list[kept++] = old[i];
	if (!audited) {
		list[kept++] = (char *)list + size;
		if (!put_room((char *)list + size, variable, need))
			return;
	}
	list[kept] = NULL;
	start(environment, arguments, list);
}
