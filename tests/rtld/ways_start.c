/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* WAY PROGRAM WORD: starts PROGRAM in one of the ways below; ways.py. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void limit(int resource, rlim_t most)
{
	setrlimit(resource, &(struct rlimit){ most, most });
}

/* What a sandbox does, by ACTION, of a call NUMBER whose argument number ARGUMENT has one of BITS. */
static void filter(int number, unsigned action, unsigned argument, unsigned bits)
{
	struct sock_filter code[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
				      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 3),
				      BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					       offsetof(struct seccomp_data, args) + 8 * argument),
				      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1),
				      BPF_STMT(BPF_RET | BPF_K, action),
				      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_fprog program = { sizeof code / sizeof *code, code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		perror("seccomp");
}

static void other_mounts(void)
{
	unshare(CLONE_NEWNS);
	mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

static int traced(char **command)
{
	int status = 0;
	pid_t child = fork();

	if (!child) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		execv(*command, command);
		_exit(99);
	}
	while (waitpid(child, &status, 0) == child && WIFSTOPPED(status))
		ptrace(PTRACE_SYSCALL, child, 0, WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status));
	return WEXITSTATUS(status);
}

/* A file at PATH that MAKE makes of FROM. */
static char *made(int (*make)(const char *, const char *), const char *from, char *path)
{
	make(from, path);
	return path;
}

static char *few[60] = { "", "=", "none", "LD_", "LD_AUDIT", "GLIBC_TUNABLES=", "PRELINK_RTLD" }, *nothing[1];

#define IF(word) if (!strcmp(way, #word))
int main(int argc, char **argv)
{
	const char *way = argv[1];
	char **command = argv + 2, name[4096], *options[9] = { "/lib64/ld-linux-x86-64.so.2" };

	if (argc != 4)
		return 2;
	IF(fixed_places) personality(ADDR_NO_RANDOMIZE);
	IF(old_layout) personality(ADDR_COMPAT_LAYOUT);
	IF(all_executable) personality(READ_IMPLIES_EXEC);
	IF(page_zero) personality(MMAP_PAGE_ZERO);
	IF(old_kernel) personality(UNAME26);
	IF(endless_stack) limit(RLIMIT_STACK, RLIM_INFINITY);
	IF(small_stack) limit(RLIMIT_STACK, 64 << 10);
	IF(small_space) limit(RLIMIT_AS, 12 << 20);
	IF(four_files) limit(RLIMIT_NOFILE, 4);
	IF(no_file_size) limit(RLIMIT_FSIZE, 0);
	IF(no_locking) limit(RLIMIT_MEMLOCK, 0);
	IF(all_closed) closefrom(0);
	IF(no_input) close(0);
	IF(no_errors) close(2);
	IF(no_proc)
	{
		other_mounts();
		umount2("/proc", MNT_DETACH);
	}
	IF(no_dev)
	{
		other_mounts();
		mount("none", "/dev", "tmpfs", 0, NULL);
	}
	IF(no_store)
	{
		other_mounts();
		mount("none", "/var/lib", "tmpfs", 0, NULL);
	}
	IF(hidden_proc)
	{
		other_mounts();
		mount("proc", "/proc", "proc", 0, "hidepid=2,subset=pid");
		setuid(65534);
	}
	IF(large_variables)
	{
		char *large = malloc(100000);
		memset(large, 'x', 99999);
		large[99999] = 0;
		for (int i = 0; i < 15; i++) {
			snprintf(name, sizeof name, "V%d", i);
			setenv(name, large, 1);
		}
	}
	IF(many_variables) for (int i = 0; i < 50000; i++)
	{
		snprintf(name, sizeof name, "V%d", i);
		setenv(name, "", 1);
	}
	IF(odd_variables)
	{
		for (int i = 0; i < 50 && environ[i]; i++)
			few[7 + i] = environ[i];
		environ = few;
	}
	IF(no_variables) environ = nothing;
	IF(no_arguments) execve(*command, nothing, environ);
	IF(by_loader)
	{
		options[1] = command[0];
		options[2] = command[1];
		command = options;
	}
	IF(by_other_name)
	{
		options[1] = "--argv0";
		options[2] = "other";
		options[3] = command[0];
		options[4] = command[1];
		command = options;
	}
	IF(relative)
	{
		if (chdir("/opt/ways"))
			perror("chdir");
		snprintf(name, sizeof name, ".%s", strrchr(command[0], '/'));
		command[0] = name;
	}
	IF(roundabout)
	{
		snprintf(name, sizeof name, "/opt/../opt/ways/%s", strrchr(command[0], '/'));
		command[0] = name;
	}
	IF(by_link) command[0] = made(symlink, command[0], "/tmp/other");
	IF(by_hard_link)
	{
		unlink("/opt/ways/other");
		command[0] = made(link, command[0], "/opt/ways/other");
	}
	IF(nowhere) if (mkdir("/tmp/d", 0700) || chdir("/tmp/d") || rmdir("/tmp/d")) perror("nowhere");
	IF(traced) return traced(command);
	IF(madvise_kills) filter(SYS_madvise, SECCOMP_RET_KILL_PROCESS, 2, -1);
	IF(madvise_fails) filter(SYS_madvise, SECCOMP_RET_ERRNO | 1, 2, -1);
	IF(statx_fails) filter(SYS_statx, SECCOMP_RET_ERRNO | 38, 3, -1);
	IF(readlink_kills) filter(SYS_readlinkat, SECCOMP_RET_KILL_PROCESS, 3, -1);
	IF(no_new_code) filter(SYS_mprotect, SECCOMP_RET_ERRNO | 13, 2, PROT_EXEC);
	IF(nobody) setuid(65534);
	IF(no_privileges) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	IF(user_namespace) unshare(CLONE_NEWUSER);
	IF(ignoring) for (int i = 1; i < 32; i++) signal(i, SIG_IGN);
	IF(no_mode) umask(0777);
	execve(*command, command, environ);
	perror("execve");
	return 99;
}
