/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The first process of a system that kernel.py boots, static, the only file of its kind in the initramfs:
 * loads /modules, mounts the disk, and there runs one after another the commands of the file /commands, of
 * which each word ends with a 0 byte and each command with one more.  Leaves for the Nth of them in
 * /results: N.out, N.err, N.status as of waitpid(2), and N.maps, the process's memory map when it ended.
 * Then it turns the machine off. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define DISK "/disk"

enum { WORDS_MAX = 40, COMMANDS_SIZE = 1 << 20 };

static void die(const char *what)
{
	printf("first: %s: %s\n", what, strerror(errno));
	sync();
	reboot(RB_POWER_OFF);
}

/* Each module as often as it takes: they need one another in an order that nobody tells here. */
static void load_modules(void)
{
	char path[512];

	for (int pass = 0; pass < 6; pass++) {
		DIR *dir = opendir("/modules");
		struct dirent *entry;

		while (dir && (entry = readdir(dir))) {
			snprintf(path, sizeof path, "/modules/%s", entry->d_name);
			int fd = open(path, O_RDONLY);

			if (fd >= 0 && entry->d_name[0] != '.')
				syscall(SYS_finit_module, fd, "", 0);
			close(fd);
		}
		closedir(dir);
	}
}

static void mount_disk(void)
{
	mkdir("/dev", 0755);
	mkdir(DISK, 0755);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	for (int i = 0; i < 300 && mount("/dev/vda", DISK, "ext4", 0, NULL); i++)
		usleep(100000); /* drivers find their devices when they get to it */
	if (mount("dev", DISK "/dev", "devtmpfs", 0, NULL) || mount("proc", DISK "/proc", "proc", 0, NULL) ||
	    mount("tmp", DISK "/tmp", "tmpfs", 0, NULL))
		die("mounting the disk");
}

static int result(int number, const char *what)
{
	char path[64];

	snprintf(path, sizeof path, DISK "/results/%d.%s", number, what);
	return open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
}

static void copy_maps(pid_t pid, int number)
{
	char path[64], data[4096];
	ssize_t size;

	snprintf(path, sizeof path, DISK "/proc/%d/maps", (int)pid);
	int from = open(path, O_RDONLY), to = result(number, "maps");

	while ((size = read(from, data, sizeof data)) > 0)
		if (write(to, data, (size_t)size) != size)
			die("writing a map");
	close(from);
	close(to);
}

static void become(char **words, int number)
{
	int in = open("/dev/null", O_RDONLY), out = result(number, "out"), err = result(number, "err");

	if (in < 0 || out < 0 || err < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0 ||
	    chroot(DISK) || chdir("/") || ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(125);
	closefrom(3);
	raise(SIGSTOP);
	execv(words[0], words);
	_exit(126);
}

/* Its status when it has ended. */
static int follow(pid_t pid, int number)
{
	const long at_exit = SIGTRAP | PTRACE_EVENT_EXIT << 8, at_exec = SIGTRAP | PTRACE_EVENT_EXEC << 8;
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return status;
	ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(PTRACE_O_TRACEEXIT | PTRACE_O_TRACEEXEC));
	for (long signal = 0; WIFSTOPPED(status); signal = WSTOPSIG(status)) {
		if (status >> 8 == at_exit)
			copy_maps(pid, number);
		if (status >> 8 == at_exit || status >> 8 == at_exec || signal == 0)
			signal = 0;
		ptrace(PTRACE_CONT, pid, NULL, (void *)signal);
		if (waitpid(pid, &status, 0) != pid)
			die("waiting");
	}
	return status;
}

static void run(char **words, int number)
{
	pid_t pid = fork();

	if (pid == 0)
		become(words, number);
	int status = follow(pid, number), fd = result(number, "status");

	dprintf(fd, "%d", status);
	close(fd);
	printf("first: %d: %d\n", number, status);
}

int main(void)
{
	static char text[COMMANDS_SIZE];
	char *words[WORDS_MAX + 1];
	int number = 0, count = 0;

	load_modules();
	mount_disk();
	int fd = open(DISK "/commands", O_RDONLY);
	ssize_t size = read(fd, text, sizeof text);

	close(fd);
	for (char *at = text; at < text + size; at += strlen(at) + 1) {
		if (*at && count < WORDS_MAX) {
			words[count++] = at;
			continue;
		}
		words[count] = NULL;
		run(words, number++);
		count = 0;
	}
	for (const char *const *path = (const char *const[]){ "/tmp", "/proc", "/dev", "", NULL }; *path;
	     path++) {
		char whole[64];

		snprintf(whole, sizeof whole, DISK "%s", *path);
		if (umount(whole))
			die("unmounting the disk");
	}
	printf("first: all done\n");
	sync();
	return reboot(RB_POWER_OFF);
}
