/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* runtime RUNS REMOVE ROOTS ROOT... PROGRAM [ARGUMENT...]: runs PROGRAM in each of ROOTS roots by turns, RUNS
 * times each after one run each that does not count, and prints for each run: the number of the root, user
 * and system time in nanoseconds, page faults.  REMOVE (a path inside the root, or -) is removed before each
 * run.  In a root with a plus sign before it, RUNTIME_LD_AUDIT becomes LD_AUDIT of PROGRAM; RUNTIME_LD_DEBUG
 * becomes LD_DEBUG in all. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void run(const char *root, const char *remove, char **command, int print)
{
	struct rusage usage;
	int status;
	pid_t child = fork();

	if (child == 0) {
		if (chroot(root + (root[0] == '+')) || chdir("/"))
			_exit(126);
		if (strcmp(remove, "-"))
			unlink(remove);
		int null = open("/dev/null", O_RDWR);
		if (null < 0)
			null = open("/tmp/null", O_RDWR | O_CREAT | O_TRUNC, 0666);
		dup2(null, 0);
		dup2(null, 1);
		if (root[0] == '+') {
			setenv("LD_AUDIT", getenv("RUNTIME_LD_AUDIT"), 1);
			setenv("GLIBC_TUNABLES", "glibc.rtld.optional_static_tls=8192", 1);
		}
		if (getenv("RUNTIME_LD_DEBUG"))
			setenv("LD_DEBUG", getenv("RUNTIME_LD_DEBUG"), 1);
		else
			dup2(null, 2);
		execvp(command[0], command);
		_exit(127);
	}
	if (wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) || WEXITSTATUS(status) >= 126) {
		fprintf(stderr, "runtime: %s in %s failed\n", command[0], root);
		exit(1);
	}
	if (print >= 0)
		printf("%d %ld %ld\n", print,
		       (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000L +
			       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000L,
		       usage.ru_minflt);
}

int main(int argc, char **argv)
{
	int roots = argc > 3 ? atoi(argv[3]) : 0;

	if (roots < 1 || argc < 5 + roots)
		return 2;
	for (int i = -1; i < atoi(argv[1]); i++)
		for (int k = 0; k < roots; k++)
			run(argv[4 + k], argv[2], argv + 4 + roots, i < 0 ? -1 : k);
	return 0;
}
