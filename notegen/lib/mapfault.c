/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SIGBUS becomes a message, and zeros; see mapfault.h.
 *
 * What the handler calls is async-signal-safe (signal-safety(7)), a mere system call (mmap(2)), or waits for
 * a lock that the thread cannot hold: the signal is raised by a load instruction of ours, or of a libc
 * function that reads memory, in the thread that reads.  The mapping is one that this thread uses, so nobody
 * takes it away meanwhile.  /proc is not asked: in a chroot it need not be there. */
#include "mapfault.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <search.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "align.h"
#include "alloc.h"
#include "diag.h"

/* A file's bytes in memory, whole pages from `start` up to `end`. */
struct mapping {
	uintptr_t start, end;
	uint64_t offset; /* of `start` in the file */
	bool zeros;      /* it is the file's no longer */
	char path[];
};

/* All that there are, a tree of tsearch(3), with its lock.  Nobody who holds it reads a file's bytes, so that
 * the handler can take it. */
static void *mappings;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_uint faults, held; /* in all; mappings that are zeros */

/* Mappings lie apart: those are equal that have an address in common. */
static int compare(const void *a, const void *b)
{
	const struct mapping *left = a, *right = b;

	return (left->start >= right->end) - (right->start >= left->end);
}

/* The mapping with some of the SIZE bytes at START; NULL where there is none.  The lock is held. */
static struct mapping *find(uintptr_t start, size_t size)
{
	struct mapping key = { .start = start, .end = start + size };
	struct mapping **found = tfind(&key, &mappings, compare);

	return found ? *found : NULL;
}

void mapfault_watch(const void *start, size_t size, uint64_t offset, const char *path)
{
	size_t length = strlen(path) + 1, page = (size_t)sysconf(_SC_PAGESIZE);
	struct mapping *mapping = xcalloc(1, sizeof *mapping + length);

	mapping->start = (uintptr_t)start;
	mapping->end = mapping->start + align_up(size, page);
	mapping->offset = offset;
	memcpy(mapping->path, path, length);
	pthread_mutex_lock(&lock);
	if (!tsearch(mapping, &mappings, compare)) {
		diag_error(path, "mapping the file: out of memory");
		exit(EXIT_FAILURE);
	}
	pthread_mutex_unlock(&lock);
}

void mapfault_forget(const void *start, size_t size)
{
	pthread_mutex_lock(&lock);
	struct mapping *mapping = find((uintptr_t)start, size);

	if (mapping) {
		tdelete(mapping, &mappings, compare);
		held -= mapping->zeros;
	}
	pthread_mutex_unlock(&lock);
	free(mapping);
}

unsigned mapfault_count(void)
{
	return faults;
}

bool mapfault_in(const void *start, size_t size)
{
	if (!held)
		return false;
	pthread_mutex_lock(&lock);
	const struct mapping *mapping = find((uintptr_t)start, size);
	bool zeros = mapping && mapping->zeros;

	pthread_mutex_unlock(&lock);
	return zeros;
}

/* --- the handler --- */

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
static const char *reason(const struct mapping *mapping, uintptr_t address)
{
	struct stat st;

	if (stat(mapping->path, &st) == 0 &&
	    (uint64_t)st.st_size > mapping->offset + (address - mapping->start))
		return "the disk could not read it; look at the kernel's log";
	return "it became shorter meanwhile; nothing was lost, run again";
}

static void say(const struct mapping *mapping, uintptr_t address)
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

/* Puts zeros in the place of MAPPING, where that was not done. */
static bool put_zeros(struct mapping *mapping, uintptr_t address)
{
	if (mapping->zeros) /* another thread was quicker */
		return true;
	say(mapping, address);
	mapping->zeros = true;
	held++;
	faults++;
	return mmap((void *)mapping->start, mapping->end - mapping->start, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != MAP_FAILED;
}

/* The same with that of ADDRESS; false where that is no file's. */
static bool mend(uintptr_t address)
{
	pthread_mutex_lock(&lock);
	struct mapping *mapping = find(address, 1);
	bool mended = mapping && put_zeros(mapping, address);

	pthread_mutex_unlock(&lock);
	return mended;
}

static void fault(int signal, siginfo_t *info, void *context)
{
	int saved = errno;

	(void)context;
	if (info->si_code != BUS_ADRERR || !mend((uintptr_t)info->si_addr)) {
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
