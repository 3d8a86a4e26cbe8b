/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Thread variables below the thread pointer; see static_tls.h. */
#include "elf/static_tls.h"

#include "align.h"

enum {
	SURPLUS = 1952,       /* bytes: glibc's _dl_tls_static_surplus_init() for one audit module */
	RSEQ_SIZE = 32,       /* bytes behind the program's block, from 2.41 on ... */
	RSEQ_ALIGN = 32,      /* ... and their alignment */
	RESERVE = 64,         /* bytes by which the module thinks it has less (rtld/static_tls.c) */
	PRELOADED = 2632 + 7, /* bytes of libjemalloc.so.2 (5.3), the largest that is commonly preloaded */
	ALIGN_MIN = 1024,     /* with less, that does not fit */
	ALIGN_MAX = 4096,     /* a thread's stack loses about twice as much */
	SMALLEST_OFFSET =
		97, /* of the block that only brings its alignment: SURPLUS + 97 is just above 2048 */
};

static uint64_t align_of(const GElf_Phdr *tls)
{
	return tls->p_align ? tls->p_align : 1;
}

bool static_tls_sound(const GElf_Phdr *tls)
{
	return !(tls->p_align & (tls->p_align - 1)) && tls->p_align <= 1 << 20 && tls->p_memsz <= 1 << 30;
}

const GElf_Phdr *static_tls_find(const struct elf_image *image)
{
	const GElf_Phdr *tls = elf_image_find_phdr(image, PT_TLS);

	return tls && tls->p_memsz ? tls : NULL;
}

uint64_t static_tls_offset(const GElf_Phdr *tls)
{
	struct static_tls_block block = { 0 };

	return static_tls_place(&block, tls);
}

uint64_t static_tls_place(struct static_tls_block *block, const GElf_Phdr *tls)
{
	uint64_t align = align_of(tls), first = -tls->p_vaddr & (align - 1);
	uint64_t in_gap = align_up(block->gap_start + tls->p_memsz - first, align) + first;

	if (block->gap_end - block->gap_start >= tls->p_memsz && in_gap <= block->gap_end)
		return block->gap_start = in_gap;
	uint64_t offset = align_up(block->used + tls->p_memsz - first, align) + first;

	if (offset > block->used + tls->p_memsz + (block->gap_end - block->gap_start)) {
		block->gap_start = block->used;
		block->gap_end = offset - tls->p_memsz;
	}
	return block->used = offset;
}

void static_tls_count(struct static_tls_need *need, const GElf_Phdr *tls, bool fixed)
{
	if (!static_tls_sound(tls)) {
		need->align = UINT64_MAX;
		return;
	}
	uint64_t align = align_of(tls), most = tls->p_memsz + (tls->p_vaddr & (align - 1)) + align - 1;

	need->all += most;
	if (fixed)
		need->fixed += most;
	if (align > need->align)
		need->align = align;
}

/* Bytes left over behind a program's block of USED bytes. */
static uint64_t left(uint64_t used, uint64_t align)
{
	uint64_t later = align_up(used, RSEQ_ALIGN) + RSEQ_SIZE;
	uint64_t earlier_left = align_up(used + SURPLUS, align) - used;
	uint64_t later_left = align_up(later + SURPLUS, align) - later;

	return earlier_left < later_left ? earlier_left : later_left;
}

uint64_t static_tls_align(const GElf_Phdr *own, const struct static_tls_need *need)
{
	if (own && !static_tls_sound(own))
		return 0;
	uint64_t used = own ? static_tls_offset(own) : SMALLEST_OFFSET;
	uint64_t align = own && align_of(own) > ALIGN_MIN ? align_of(own) : ALIGN_MIN;
	/* Whoever needs as much by itself has such a malloc linked in. */
	uint64_t fixed = need->fixed + (need->fixed < PRELOADED ? PRELOADED : 0);

	do {
		uint64_t room = left(used, align);
		if (need->align <= align && fixed <= room && need->all + RESERVE <= room)
			return align;
		align *= 2;
	} while (align <= ALIGN_MAX);
	return 0;
}

GElf_Phdr static_tls_smallest(GElf_Addr start, uint64_t align)
{
	return (GElf_Phdr){ .p_type = PT_TLS,
			    .p_flags = PF_R,
			    .p_vaddr = align_up(start + SMALLEST_OFFSET, align) - SMALLEST_OFFSET,
			    .p_memsz = 1,
			    .p_align = align };
}
