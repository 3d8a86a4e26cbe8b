/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Filling up the last page of a library's data; see page_end.h. */
#include "rebase/page_end.h"

/* Of x86, and the least that any machine has. */
enum { PAGE = 4096 };

/* More bytes than this are not moved, and no more zeros are written. */
enum { MOVED_MAX = 64 << 10, ZEROS_MAX = 64 << 10 };

static bool overlaps(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

/* True if section S has bytes in the file that are to be zeros.  The bounds of both are those of the file, so
 * that nothing wraps. */
static bool is_in_the_way(const GElf_Shdr *s, const struct page_end *end)
{
	return s->sh_type != SHT_NULL && s->sh_type != SHT_NOBITS && s->sh_size &&
	       overlaps(s->sh_offset, s->sh_size, end->start, end->zeros);
}

/* Offset behind AT that section S may have. */
static uint64_t place_for(const GElf_Shdr *s, uint64_t at)
{
	uint64_t align = s->sh_addralign > 1 && s->sh_addralign <= 64 ? s->sh_addralign : 1;

	return (at + align - 1) / align * align;
}

/* Where what moves starts: behind everything. */
static uint64_t first_place(uint64_t size, const struct page_end *end)
{
	return size > end->start + end->zeros ? size : end->start + end->zeros;
}

/* True where nothing that is loaded, or not ELF's own, lies in the way. */
static bool is_free(const struct elf_image *image, const struct page_end *end)
{
	for (size_t i = 0; i < image->phnum; i++) {
		const GElf_Phdr *p = &image->phdr[i];

		if (p->p_type != PT_NULL && p->p_filesz &&
		    overlaps(p->p_offset, p->p_filesz, end->start, end->zeros))
			return false;
	}
	for (size_t i = 1; i < image->shnum; i++)
		if (is_in_the_way(&image->shdr[i], end) && image->shdr[i].sh_flags & SHF_ALLOC)
			return false;
	return !overlaps(image->ehdr.e_phoff, image->phnum * elf_phdr_size(image), end->start, end->zeros);
}

void page_end_find(const struct elf_image *original, struct page_end *end)
{
	*end = (struct page_end){ 0 };
	for (size_t i = 0; i < original->phnum; i++) {
		const GElf_Phdr *p = &original->phdr[i];
		uint64_t past = (p->p_vaddr + p->p_filesz) % PAGE, bss = p->p_memsz - p->p_filesz;

		if (p->p_type == PT_LOAD && p->p_flags & PF_W && p->p_filesz && p->p_memsz > p->p_filesz &&
		    past) {
			end->segment = i;
			end->start = p->p_offset + p->p_filesz;
			end->size = bss < PAGE - past ? bss : PAGE - past;
			end->zeros = bss;
		}
	}
	if (end->zeros > ZEROS_MAX)
		end->size = end->zeros = 0;
	uint64_t first = first_place(original->size, end), at = first;

	for (size_t i = 1; end->size && i < original->shnum; i++)
		if (is_in_the_way(&original->shdr[i], end))
			at = place_for(&original->shdr[i], at) + original->shdr[i].sh_size;
	if (at - first > MOVED_MAX || !is_free(original, end))
		end->size = 0;
	end->room = end->size ? at - original->size : 0;
}

void page_end_fill(struct elf_image *image, const struct page_end *end)
{
	if (end->size == 0)
		return;
	GElf_Phdr *p = &image->phdr[end->segment];
	uint64_t at = first_place(image->size - end->room, end);

	p->p_filesz += end->size;
	elf_put_phdr(image, image->ehdr.e_phoff + end->segment * elf_phdr_size(image), p);
	/* The section headers, which move with what is appended, are only changed where they are decoded. */
	for (size_t i = 1; i < image->shnum; i++) {
		GElf_Shdr *s = &image->shdr[i];

		if (!is_in_the_way(s, end))
			continue;
		at = place_for(s, at);
		memcpy(image->data + at, image->data + s->sh_offset, s->sh_size);
		elf_touch(image, at, s->sh_size);
		s->sh_offset = at;
		at += s->sh_size;
	}
	memset(image->data + end->start, 0, end->zeros);
	elf_touch(image, end->start, end->zeros);
}
