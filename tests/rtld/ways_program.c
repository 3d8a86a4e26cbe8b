/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Does what its argument, one of the words below, says, and loads a plugin; ways.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

int pays(void);
extern char **environ;
static char *self;
static ucontext_t first, second;

static int load_as(const char *name, int mode)
{
	void *handle = dlopen(name, mode);
	int (*call)(void) = handle ? (int (*)(void))dlsym(handle, "call") : NULL;

	return call ? call() : -1;
}

static int load(void)
{
	return load_as("/opt/ways/plugin.so", RTLD_NOW) * 10 + load_as("/opt/ways/stranger.so", RTLD_LAZY);
}

static int ended(pid_t child)
{
	int status = -1;

	waitpid(child, &status, 0);
	return status;
}

static void on_signal(int number)
{
	_exit(load() + number);
}

static void *in_thread(void *argument)
{
	*(int *)argument = load();
	return NULL;
}

static int in_clone(void *argument)
{
	(void)argument;
	_exit(load());
}

static void in_context(void)
{
	printf("%d\n", load());
}

/* Only what ld.so does to load a library, and what it takes to say so. */
static void sandbox(void)
{
	static const int allowed[] = { SYS_openat, SYS_read,      SYS_pread64,  SYS_newfstatat, SYS_fstat,
				       SYS_mmap,   SYS_munmap,    SYS_mprotect, SYS_close,      SYS_getcwd,
				       SYS_brk,    SYS_getrandom, SYS_write,    SYS_exit_group };
	struct sock_filter filter[64];
	unsigned short count = 0;

	filter[count++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						       offsetof(struct seccomp_data, nr));
	for (unsigned i = 0; i < sizeof allowed / sizeof *allowed; i++) {
		filter[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i], 0, 1);
		filter[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	filter[count++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	struct sock_fprog program = { count, filter };
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		perror("seccomp");
}

static void limit(int resource, rlim_t most)
{
	setrlimit(resource, &(struct rlimit){ most, most });
}

static void thread(size_t stack)
{
	pthread_attr_t attributes;
	pthread_t other;
	int result = -2;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, stack);
	if (pthread_create(&other, &attributes, in_thread, &result) == 0)
		pthread_join(other, NULL);
	printf("%d\n", result);
}

static void copy_to(int to)
{
	static char bytes[65536];
	int from = open(self, O_RDONLY);
	ssize_t size;

	while ((size = read(from, bytes, sizeof bytes)) > 0)
		if (write(to, bytes, size) != size)
			perror("write");
	close(from);
}

#define IF(word) if (!strcmp(what, #word))
int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	char *again[] = { argc > 0 ? argv[0] : "", "load", NULL }, *none[] = { NULL };
	stack_t stack = { .ss_sp = malloc(65536), .ss_size = 65536 };

	self = again[0];
	pays();
	printf("%s ", what);
	fflush(stdout);
	IF(load) printf("%d\n", load());
	IF(names)
	{
		char name[16] = "";
		prctl(PR_GET_NAME, name);
		printf("%s %s %s %s %d\n", name, argv[0], (char *)getauxval(AT_EXECFN),
		       program_invocation_name, argc);
	}
	IF(variables)
	for (char **v = environ; *v; v++)
		if (strncmp(*v, "PRELINK", 7) && strncmp(*v, "LD_AUDIT", 8) && strncmp(*v, "GLIBC", 5))
			puts(*v);
	IF(sandbox)
	{
		sandbox();
		printf("%d\n", load());
		fflush(stdout);
		_exit(4);
	}
	IF(closed)
	{
		closefrom(3);
		printf("%d\n", load());
	}
	IF(all_closed)
	{
		closefrom(0);
		return load();
	}
	IF(descriptors)
	{
		int before = open("/dev/null", O_RDONLY);
		printf("%d %d", before, load());
		printf(" %d\n", dup(1));
	}
	IF(vfork)
	{
		pid_t child = vfork();
		if (!child) {
			execv(self, again);
			_exit(9);
		}
		printf("%d\n", ended(child));
	}
	IF(vforked)
	{
		pid_t child = vfork();
		if (!child)
			_exit(load());
		printf("%d %d\n", ended(child), load());
	}
	IF(forked)
	{
		pid_t child = fork();
		if (!child)
			_exit(load());
		printf("%d %d\n", ended(child), load());
	}
	IF(spawn)
	{
		pid_t child;
		printf("%d", posix_spawn(&child, self, NULL, NULL, again, environ));
		printf(" %d", ended(child));
		printf(" %d", posix_spawn(&child, self, NULL, NULL, again, none));
		printf(" %d\n", ended(child));
	}
	IF(itself) execv("/proc/self/exe", again);
	IF(memory)
	{
		int file = (int)syscall(SYS_memfd_create, "copy", 0);
		copy_to(file);
		fexecve(file, again, environ);
	}
	IF(gone)
	{
		int file = open("/tmp/gone", O_WRONLY | O_CREAT, 0700);
		copy_to(file);
		close(file);
		file = open("/tmp/gone", O_RDONLY);
		unlink("/tmp/gone");
		fexecve(file, again, environ);
	}
	IF(nameless)
	{
		again[0] = "";
		execve("/proc/self/exe", again, environ);
	}
	IF(clone)
	printf("%d\n", ended(clone(in_clone, (char *)stack.ss_sp + stack.ss_size, CLONE_VM | SIGCHLD, NULL)));
	IF(thread) thread(1 << 20);
	IF(small_thread) thread(32768);
	IF(context)
	{
		getcontext(&second);
		second.uc_stack = stack;
		second.uc_link = &first;
		makecontext(&second, in_context, 0);
		swapcontext(&first, &second);
	}
	IF(signal)
	{
		struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };
		sigaltstack(&stack, NULL);
		sigaction(SIGSEGV, &action, NULL);
		raise(SIGSEGV);
	}
	IF(locked)
	{
		printf("%d", mlockall(MCL_CURRENT | MCL_FUTURE));
		printf(" %d\n", load());
	}
	IF(user_locked)
	{
		limit(RLIMIT_MEMLOCK, 8 << 20);
		printf("%d", setuid(65534));
		printf(" %d", mlockall(MCL_CURRENT));
		printf(" %d\n", load());
	}
	IF(little_data)
	{
		limit(RLIMIT_DATA, 2 << 20);
		printf("%d\n", load());
	}
	IF(chroot) printf("%d %d %d\n", chroot("/opt"), chdir("/"), load_as("/ways/plugin.so", RTLD_NOW));
	IF(unprivileged)
	{
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
		printf("%d", setuid(65534));
		printf(" %d\n", load());
	}
	IF(no_new_code)
	{
		prctl(65 /* PR_SET_MDWE, Linux 6.3 */, 1, 0, 0, 0);
		printf("%d\n", load());
	}
	IF(namespace)
	{
		void *handle = dlmopen(LM_ID_NEWLM, "libm.so.6", RTLD_NOW);
		printf("%d %d", handle != NULL, load());
		printf(" %d %d\n", dlclose(handle), load());
	}
	fflush(stdout);
	return 3;
}
