/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* plan FILE OFFSET SIZE: prints the nanoseconds that the run-time module takes to look whether what a
 * start needs of the plan, SIZE bytes at OFFSET of FILE, is as it was written: the least of many times,
 * of memory that is there. */
#define _GNU_SOURCE
#include "planned.c"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

/* What the module has elsewhere. */
bool is_identical(const struct link_map *map, const struct identity *identity)
{
	return map && identity;
}

const void *mapped_from_file(const struct link_map *map, uint64_t address, uint64_t size)
{
	return map && address && size ? map : NULL;
}

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

int main(int argc, char **argv)
{
	size_t offset = argc == 4 ? strtoul(argv[2], NULL, 16) : 0,
	       size = argc == 4 ? strtoul(argv[3], NULL, 16) : 0;
	int fd = argc == 4 ? open(argv[1], O_RDONLY) : -1;
	const char *file = mmap(NULL, offset + size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	long long least = -1;

	for (int i = 0; file != MAP_FAILED && i < 500; i++) {
		long long start = now(), took;

		plan_take(file + offset, size, 0);
		if (!plan)
			return 1;
		for (uint32_t k = PLAN_LOADER; k < plan->startup; k++)
			if (!is_intact(&objects[k]))
				return 1;
		took = now() - start;
		least = least < 0 || took < least ? took : least;
	}
	printf("%lld\n", least);
	return least < 0;
}
