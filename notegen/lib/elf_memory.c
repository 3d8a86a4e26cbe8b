/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The memory that a file's bytes are in; see elf_memory.h. */
#include "elf_memory.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "diag.h"
#include "mapfault.h"
#include "scratch.h"

static int out_of_memory(const char *path)
{
	return diag_errno(path, "copying it in memory");
}

int elf_memory_map(struct elf_memory *memory, size_t size, const char *path)
{
	void *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			  0);

	if (data == MAP_FAILED)
		return out_of_memory(path);
	memory->start = data;
	memory->mapped = size;
	return 0;
}

int elf_memory_take(struct elf_memory *memory, size_t size, const char *path)
{
	if (size > SCRATCH_MAX) {
		scratch_release(); /* who needs that much has no use for what is kept, until later */
		if (elf_memory_map(memory, size, path))
			return -1;
		madvise(memory->start, size, MADV_HUGEPAGE);
		return 0;
	}
	memory->start = scratch_take(size, &memory->room);
	if (memory->start)
		return 0;
	memory->room = 0;
	return out_of_memory(path);
}

void elf_memory_give(struct elf_memory *memory)
{
	if (!memory->borrowed) {
		if (memory->mapped) {
			mapfault_forget(memory->start, memory->mapped);
			munmap(memory->start, memory->mapped);
		}
		if (memory->room)
			scratch_give(memory->start, memory->room);
		free(memory->dirty);
	}
	*memory = (struct elf_memory){ 0 };
}

size_t elf_memory_size(const struct elf_memory *memory)
{
	return memory->mapped + memory->room; /* one of them is 0 */
}

void elf_memory_watch(struct elf_memory *memory, size_t size)
{
	memory->dirty = bits_new(size / ELF_MEMORY_PAGE);
}
