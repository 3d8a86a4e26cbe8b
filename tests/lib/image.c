/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* image OUTPUT ROOT PROGRAM [ARGUMENT...]: runs PROGRAM in ROOT without address randomisation, and writes
 * down what ld.so made of each object's writable memory.
 *
 * ld.so protects an object's RELRO pages (mprotect) right after it has relocated that object, at start-up and
 * in dlopen alike: there the object's writable segments are as relocation left them, before any constructor
 * ran.  Those are taken, and at the program's entry point once more those of every object that is there.
 *
 * OUTPUT gets one line for each page: WHEN PATH ADDRESS, and the page's 512 words are written, 4096 bytes, to
 * OUTPUT.pages.  OUTPUT may be "-": then only the kilobytes of each object that are private and dirty at the
 * former point are added up, and printed at the end.  Only the first thread of the first process is
 * followed. */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static FILE *lines, *pages;
static pid_t child;

static void die(const char *what)
{
	fprintf(stderr, "image: %s: %s\n", what, strerror(errno));
	if (child)
		kill(child, SIGKILL);
	exit(2);
}

static bool peek(unsigned long address, void *buffer, size_t size)
{
	struct iovec local = { buffer, size }, remote = { (void *)address, size };

	return process_vm_readv(child, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

/* One line of /proc/PID/maps. */
struct mapping {
	unsigned long start, end;
	char path[4096];
};

static struct mapping *mappings;
static size_t mapping_count;

static void read_mappings(void)
{
	char name[64], line[8192];

	snprintf(name, sizeof name, "/proc/%d/maps", child);
	FILE *maps = fopen(name, "r");
	if (!maps)
		die(name);
	mapping_count = 0;
	while (fgets(line, sizeof line, maps)) {
		mappings = realloc(mappings, (mapping_count + 1) * sizeof *mappings);
		struct mapping *mapping = &mappings[mapping_count];
		mapping->path[0] = 0;
		if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %4095[^\n]", &mapping->start, &mapping->end,
			   mapping->path) >= 2)
			mapping_count++;
	}
	fclose(maps);
}

/* The writable segments of the object whose ELF header is mapped at BASE. */
static void take(const char *when, const char *path, unsigned long base)
{
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdr[64];
	unsigned char page[4096];

	if (!peek(base, &ehdr, sizeof ehdr) || memcmp(ehdr.e_ident, ELFMAG, SELFMAG) || ehdr.e_phnum > 64 ||
	    !peek(base + ehdr.e_phoff, phdr, ehdr.e_phnum * sizeof *phdr))
		return;
	unsigned long first = 0;
	for (int i = ehdr.e_phnum; i-- > 0;)
		if (phdr[i].p_type == PT_LOAD)
			first = phdr[i].p_vaddr & -4096ul;
	for (int i = 0; i < ehdr.e_phnum; i++) {
		if (phdr[i].p_type != PT_LOAD || !(phdr[i].p_flags & PF_W))
			continue;
		unsigned long at = (phdr[i].p_vaddr & -4096ul) + base - first;
		unsigned long end = phdr[i].p_vaddr + phdr[i].p_memsz + base - first;
		for (; at < end; at += sizeof page) {
			if (!peek(at, page, sizeof page))
				break;
			fprintf(lines, "%s %s %lx\n", when, path, at);
			fwrite(page, sizeof page, 1, pages);
		}
	}
}

/* Base of the object that ADDRESS is in: the lowest mapping of that file which no other file's lies
 * between. */
static const struct mapping *object_at(unsigned long address)
{
	for (size_t i = 0; i < mapping_count; i++) {
		if (address < mappings[i].start || address >= mappings[i].end)
			continue;
		size_t first = i;
		while (first > 0 && (strcmp(mappings[first - 1].path, mappings[i].path) == 0 ||
				     (mappings[i].path[0] && !mappings[first - 1].path[0] && first > 1 &&
				      strcmp(mappings[first - 2].path, mappings[i].path) == 0)))
			first--;
		return mappings[first].path[0] == '/' ? &mappings[first] : NULL;
	}
	return NULL;
}

/* Private_Dirty of the mappings of OBJECT's file, in KB. */
static unsigned long dirty_of(const struct mapping *object)
{
	char name[64], line[8192], path[4096];
	unsigned long start, kilobytes, sum = 0;
	bool ours = false;

	snprintf(name, sizeof name, "/proc/%d/smaps", child);
	FILE *smaps = fopen(name, "r");
	if (!smaps)
		die(name);
	while (fgets(line, sizeof line, smaps)) {
		unsigned long end;
		path[0] = 0;
		if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %4095[^\n]", &start, &end, path) >= 2)
			ours = strcmp(path, object->path) == 0;
		else if (ours && sscanf(line, "Private_Dirty: %lu", &kilobytes) == 1)
			sum += kilobytes;
	}
	fclose(smaps);
	return sum;
}

static unsigned long dirty;

static void take_one(unsigned long address)
{
	read_mappings();
	const struct mapping *object = object_at(address);
	if (!object || strstr(object->path, "/ld-"))
		return;
	if (lines)
		take("relocated", object->path, object->start);
	else if (!strstr(object->path, "/prelink-rtld.so"))
		dirty += dirty_of(object);
}

static void take_all(void)
{
	read_mappings();
	for (size_t i = 0; i < mapping_count; i++)
		if (mappings[i].path[0] == '/' && !strstr(mappings[i].path, "/ld-") &&
		    (i == 0 || object_at(mappings[i].start) == &mappings[i]))
			take("entry", mappings[i].path, mappings[i].start);
}

static unsigned long entry_point(void)
{
	char name[64];
	unsigned long word[2];

	snprintf(name, sizeof name, "/proc/%d/auxv", child);
	int fd = open(name, O_RDONLY);
	if (fd < 0)
		die(name);
	while (read(fd, word, sizeof word) == sizeof word)
		if (word[0] == AT_ENTRY) {
			close(fd);
			return word[1];
		}
	die("no AT_ENTRY");
	return 0;
}

int main(int argc, char **argv)
{
	char name[4096];
	int status;

	if (argc < 4)
		return 2;
	if (strcmp(argv[1], "-")) {
		snprintf(name, sizeof name, "%s.pages", argv[1]);
		lines = fopen(argv[1], "w");
		pages = fopen(name, "w");
		if (!lines || !pages)
			die(argv[1]);
	}
	child = fork();
	if (child == 0) {
		if (strcmp(argv[2], "/") && (chroot(argv[2]) || chdir("/")))
			_exit(126);
		personality(ADDR_NO_RANDOMIZE);
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		execvp(argv[3], argv + 3);
		_exit(127);
	}
	if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
		die(argv[3]);
	ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	unsigned long entry = entry_point();
	long saved = ptrace(PTRACE_PEEKTEXT, child, entry, 0);
	ptrace(PTRACE_POKETEXT, child, entry, (saved & ~0xffl) | 0xcc);
	bool inside = false;
	int signal = 0;
	for (;;) {
		ptrace(PTRACE_SYSCALL, child, 0, signal);
		if (waitpid(child, &status, __WALL) != child || WIFEXITED(status) || WIFSIGNALED(status))
			break;
		signal = 0;
		struct user_regs_struct registers;
		ptrace(PTRACE_GETREGS, child, 0, &registers);
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			inside = !inside;
			if (inside && registers.orig_rax == SYS_mprotect &&
			    registers.rdx == 1 /* PROT_READ */)
				take_one(registers.rdi);
		} else if (WSTOPSIG(status) == SIGTRAP && registers.rip == entry + 1) {
			if (lines)
				take_all();
			ptrace(PTRACE_POKETEXT, child, entry, saved);
			registers.rip = entry;
			ptrace(PTRACE_SETREGS, child, 0, &registers);
		} else if (WSTOPSIG(status) != SIGTRAP) {
			signal = WSTOPSIG(status);
		}
	}
	if (!lines)
		fprintf(stderr, "dirty: %lu KB\n", dirty);
	else if (fclose(lines) || fclose(pages))
		die(argv[1]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
