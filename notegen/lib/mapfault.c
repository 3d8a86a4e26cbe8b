/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SIGBUS becomes a message, and zeros; see mapfault.h.
 *
 * What the handler calls is async-signal-safe (signal-safety(7)), or a mere system call (mmap(2)).  The signal is
 * raised by a load instruction of ours, or of a libc function that reads memory, in the thread that reads; the mapping
 * is one that this thread uses, so nobody takes it away meanwhile. */
#include "mapfault.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "diag.h"

/* One line of /proc/self/maps: a mapping, `START-END MODE OFFSET MAJOR:MINOR INODE   PATH`. */
struct mapping {
	uint64_t start, end, offset;
	const char *path; /* in the line; "" where it is of no file */
};

/* What is read from a descriptor by lines; a longer one is cut. */
struct lines {
	int fd;
	size_t have, next; /* bytes in `block`, and the next to be taken */
	char block[1024];
	char line[PATH_MAX + 128];
};

/* -1 at the end of the file, or where it cannot be read. */
static int next_byte(struct lines *lines)
{
	if (lines->next == lines->have) {
		ssize_t got = read(lines->fd, lines->block, sizeof lines->block);

		if (got <= 0)
			return -1;
		lines->have = (size_t)got;
		lines->next = 0;
	}
	return (unsigned char)lines->block[lines->next++];
}

static bool next_line(struct lines *lines)
{
	size_t length = 0;
	int c;

	while ((c = next_byte(lines)) >= 0 && c != '\n')
		if (length < sizeof lines->line - 1)
			lines->line[length++] = (char)c;
	lines->line[length] = '\0';
	return c >= 0;
}

/* The hexadecimal number at *TEXT, which then is behind it and the character that ends it. */
static uint64_t take_number(const char **text)
{
	static const char digits[] = "0123456789abcdef";
	const char *digit;
	uint64_t value = 0;

	for (; **text && (digit = strchr(digits, **text)); (*text)++)
		value = value << 4 | (uint64_t)(digit - digits);
	if (**text)
		(*text)++;
	return value;
}

static struct mapping parse(const char *line)
{
	struct mapping mapping = { 0 };

	mapping.start = take_number(&line);
	mapping.end = take_number(&line);
	line += strcspn(line, " ");
	line += strspn(line, " ");
	mapping.offset = take_number(&line);
	mapping.path = line + strcspn(line, "/");
	return mapping;
}

/* The mapping that ADDRESS is in.  One without a path where that cannot be told. */
static struct mapping find_mapping(struct lines *lines, uint64_t address)
{
	lines->fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	while (lines->fd >= 0 && next_line(lines)) {
		struct mapping mapping = parse(lines->line);

		if (address >= mapping.start && address < mapping.end)
			return mapping;
	}
	return (struct mapping){ .path = "" };
}

/* A message in the making; what does not fit is left out. */
struct message {
	size_t length;
	char text[PATH_MAX + 256];
};

static void add(struct message *message, const char *text)
{
	static const char digits[] = "0123456789abcdef";

	/* Control characters as diag_put() writes them. */
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (message->length + 4 > sizeof message->text)
			return;
		if (*c >= 0x20 && *c != 0x7f) {
			message->text[message->length++] = (char)*c;
			continue;
		}
		message->text[message->length++] = '\\';
		message->text[message->length++] = 'x';
		message->text[message->length++] = digits[*c >> 4];
		message->text[message->length++] = digits[*c & 15];
	}
}

/* Why reading MAPPING at ADDRESS failed.  A page is there as long as the file has a byte of it. */
static const char *reason(const struct mapping *mapping, uint64_t address)
{
	struct stat st;

	if (mapping->path[0] && stat(mapping->path, &st) == 0 &&
	    (uint64_t)st.st_size > mapping->offset + (address - mapping->start))
		return "the disk could not read it; look at the kernel's log";
	return "it became shorter meanwhile; nothing was lost, run again";
}

static void say(const struct mapping *mapping, uint64_t address)
{
	static const char wipe[] = "\r\033[K"; /* a progress bar may be there */
	struct message message = { 0 };
	struct termios terminal;

	if (tcgetattr(STDERR_FILENO, &terminal) == 0) {
		message.length = sizeof wipe - 1;
		memcpy(message.text, wipe, message.length);
	}
	add(&message, diag_tool);
	add(&message, ": ");
	add(&message, mapping->path);
	add(&message, ": reading it: ");
	add(&message, reason(mapping, address));
	message.text[message.length++] = '\n';
	diag_set_failed();
	if (write(STDERR_FILENO, message.text, message.length) < 0)
		return; /* standard error is gone: the exit status tells */
}

/* --- what has become zeros --- */

/* Mappings, from `start` (0: a free place; 1: about to be filled) up to `end`. */
static struct {
	atomic_uintptr_t start, end;
} zeros[MAPFAULT_MAX];
static atomic_uint faults, held; /* in all; places that are not free */

unsigned mapfault_count(void)
{
	return faults;
}

bool mapfault_in(const void *start, size_t size)
{
	uintptr_t from = (uintptr_t)start;

	for (size_t i = 0; held && i < MAPFAULT_MAX; i++)
		if (zeros[i].start > 1 && zeros[i].start < from + size && from < zeros[i].end)
			return true;
	return false;
}

void mapfault_forget(const void *start, size_t size)
{
	uintptr_t from = (uintptr_t)start;

	for (size_t i = 0; held && i < MAPFAULT_MAX; i++)
		if (zeros[i].start > 1 && zeros[i].start < from + size && from < zeros[i].end) {
			zeros[i].start = 0;
			held--;
		}
}

/* Notes that MAPPING is zeros; false where there is no place for it. */
static bool note(const struct mapping *mapping)
{
	for (size_t i = 0; i < MAPFAULT_MAX; i++) {
		uintptr_t nobody = 0;

		if (!atomic_compare_exchange_strong(&zeros[i].start, &nobody, 1))
			continue;
		zeros[i].end = mapping->end;
		zeros[i].start = mapping->start;
		held++;
		faults++;
		return true;
	}
	return false;
}

/* Puts zeros in the place of the file that ADDRESS is mapped from.  False where it is none. */
static bool put_zeros(uintptr_t address)
{
	struct lines lines = { 0 };

	if (mapfault_in((void *)address, 1)) /* another thread was quicker */
		return true;
	struct mapping mapping = find_mapping(&lines, address);
	if (lines.fd >= 0)
		close(lines.fd);
	if (!mapping.path[0] || !note(&mapping))
		return mapfault_in((void *)address, 1);
	say(&mapping, address);
	return mmap((void *)mapping.start, mapping.end - mapping.start, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != MAP_FAILED;
}

static void fault(int signal, siginfo_t *info, void *context)
{
	int saved = errno;

	(void)context;
	if (info->si_code != BUS_ADRERR || !put_zeros((uintptr_t)info->si_addr)) {
		/* Not from a file: sent by somebody, or broken memory.  The instruction faults again, or the
		 * signal that waits now comes, and has its usual effect. */
		sigaction(signal, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
		raise(signal);
	}
	errno = saved;
}

void mapfault_catch(void)
{
	struct sigaction action = { .sa_sigaction = fault, .sa_flags = SA_SIGINFO };

	sigaction(SIGBUS, &action, NULL);
}
