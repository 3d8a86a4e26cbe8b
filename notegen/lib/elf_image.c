/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening and checking an ELF file, and reading and writing its records; see elf_image.h.
 *
 * The header tables are translated by libelf's elf32_xlatetom() family, which knows every class and
 * byte order; the bounds are ours to check. */
#include "elf_image.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "diag.h"
#include "limit.h"
#include "mapfault.h"
#include "scratch.h"

static unsigned int encoding(const struct elf_image *image)
{
	return image->big_endian ? ELFDATA2MSB : ELFDATA2LSB;
}

/* Translates COUNT records of TYPE between file and memory form.  Records are of one size in both. */
static bool translate(const struct elf_image *image, void *to, const void *from, size_t bytes, Elf_Type type,
		      bool to_memory)
{
	Elf_Data in = {
		.d_buf = (void *)(uintptr_t)from, .d_size = bytes, .d_type = type, .d_version = EV_CURRENT
	};
	Elf_Data out = { .d_buf = to, .d_size = bytes, .d_type = type, .d_version = EV_CURRENT };

	if (image->is64)
		return to_memory ? elf64_xlatetom(&out, &in, encoding(image)) :
				   elf64_xlatetof(&out, &in, encoding(image));
	return to_memory ? elf32_xlatetom(&out, &in, encoding(image)) :
			   elf32_xlatetof(&out, &in, encoding(image));
}

/* Field by field from a 32-bit to the 64-bit (GElf) record and back; the names are the same. */
#define COPY_EHDR(to, from)                                                               \
	do {                                                                              \
		memcpy((to)->e_ident, (from)->e_ident, EI_NIDENT);                        \
		(to)->e_type = (from)->e_type, (to)->e_machine = (from)->e_machine;       \
		(to)->e_version = (from)->e_version, (to)->e_entry = (from)->e_entry;     \
		(to)->e_phoff = (from)->e_phoff, (to)->e_shoff = (from)->e_shoff;         \
		(to)->e_flags = (from)->e_flags, (to)->e_ehsize = (from)->e_ehsize;       \
		(to)->e_phentsize = (from)->e_phentsize, (to)->e_phnum = (from)->e_phnum; \
		(to)->e_shentsize = (from)->e_shentsize, (to)->e_shnum = (from)->e_shnum; \
		(to)->e_shstrndx = (from)->e_shstrndx;                                    \
	} while (0)
#define COPY_PHDR(to, from)                                                         \
	do {                                                                        \
		(to)->p_type = (from)->p_type, (to)->p_flags = (from)->p_flags;     \
		(to)->p_offset = (from)->p_offset, (to)->p_vaddr = (from)->p_vaddr; \
		(to)->p_paddr = (from)->p_paddr, (to)->p_filesz = (from)->p_filesz; \
		(to)->p_memsz = (from)->p_memsz, (to)->p_align = (from)->p_align;   \
	} while (0)
#define COPY_SHDR(to, from)                                                           \
	do {                                                                          \
		(to)->sh_name = (from)->sh_name, (to)->sh_type = (from)->sh_type;     \
		(to)->sh_flags = (from)->sh_flags, (to)->sh_addr = (from)->sh_addr;   \
		(to)->sh_offset = (from)->sh_offset, (to)->sh_size = (from)->sh_size; \
		(to)->sh_link = (from)->sh_link, (to)->sh_info = (from)->sh_info;     \
		(to)->sh_addralign = (from)->sh_addralign;                            \
		(to)->sh_entsize = (from)->sh_entsize;                                \
	} while (0)

void elf_get_ehdr(const struct elf_image *image, uint64_t offset, GElf_Ehdr *ehdr)
{
	if (image->is64) {
		translate(image, ehdr, image->data + offset, sizeof *ehdr, ELF_T_EHDR, true);
	} else {
		Elf32_Ehdr e;
		translate(image, &e, image->data + offset, sizeof e, ELF_T_EHDR, true);
		COPY_EHDR(ehdr, &e);
	}
}

static void get_phdr(const struct elf_image *image, uint64_t offset, GElf_Phdr *phdr)
{
	if (image->is64) {
		translate(image, phdr, image->data + offset, sizeof *phdr, ELF_T_PHDR, true);
	} else {
		Elf32_Phdr p;
		translate(image, &p, image->data + offset, sizeof p, ELF_T_PHDR, true);
		COPY_PHDR(phdr, &p);
	}
}

static void get_shdr(const struct elf_image *image, uint64_t offset, GElf_Shdr *shdr)
{
	if (image->is64) {
		translate(image, shdr, image->data + offset, sizeof *shdr, ELF_T_SHDR, true);
	} else {
		Elf32_Shdr s;
		translate(image, &s, image->data + offset, sizeof s, ELF_T_SHDR, true);
		COPY_SHDR(shdr, &s);
	}
}

void elf_put_ehdr(struct elf_image *image, const GElf_Ehdr *ehdr)
{
	image->ehdr = *ehdr;
	elf_touch(image, 0, elf_ehdr_size(image));
	if (image->is64) {
		translate(image, image->data, ehdr, sizeof *ehdr, ELF_T_EHDR, false);
	} else {
		Elf32_Ehdr e;
		COPY_EHDR(&e, ehdr);
		translate(image, image->data, &e, sizeof e, ELF_T_EHDR, false);
	}
}

void elf_put_phdr(struct elf_image *image, uint64_t offset, const GElf_Phdr *phdr)
{
	elf_touch(image, offset, elf_phdr_size(image));
	if (image->is64) {
		translate(image, image->data + offset, phdr, sizeof *phdr, ELF_T_PHDR, false);
	} else {
		Elf32_Phdr p;
		COPY_PHDR(&p, phdr);
		translate(image, image->data + offset, &p, sizeof p, ELF_T_PHDR, false);
	}
}

void elf_put_shdr(struct elf_image *image, uint64_t offset, const GElf_Shdr *shdr)
{
	elf_touch(image, offset, elf_shdr_size(image));
	if (image->is64) {
		translate(image, image->data + offset, shdr, sizeof *shdr, ELF_T_SHDR, false);
	} else {
		Elf32_Shdr s;
		COPY_SHDR(&s, shdr);
		translate(image, image->data + offset, &s, sizeof s, ELF_T_SHDR, false);
	}
}

void elf_get_dyn(const struct elf_image *image, uint64_t offset, GElf_Dyn *dyn)
{
	if (image->is64) {
		dyn->d_tag = (int64_t)elf_get64(image, offset);
		dyn->d_un.d_val = elf_get64(image, offset + 8);
	} else {
		dyn->d_tag = (int32_t)elf_get32(image, offset);
		dyn->d_un.d_val = elf_get32(image, offset + 4);
	}
}

void elf_put_dyn(struct elf_image *image, uint64_t offset, const GElf_Dyn *dyn)
{
	elf_put_word(image, offset, (uint64_t)dyn->d_tag);
	elf_put_word(image, offset + elf_word_size(image), dyn->d_un.d_val);
}

void elf_get_sym(const struct elf_image *image, uint64_t offset, GElf_Sym *sym)
{
	sym->st_name = elf_get32(image, offset);
	if (image->is64) {
		sym->st_info = image->data[offset + 4];
		sym->st_other = image->data[offset + 5];
		sym->st_shndx = elf_get16(image, offset + 6);
		sym->st_value = elf_get64(image, offset + 8);
		sym->st_size = elf_get64(image, offset + 16);
	} else {
		sym->st_value = elf_get32(image, offset + 4);
		sym->st_size = elf_get32(image, offset + 8);
		sym->st_info = image->data[offset + 12];
		sym->st_other = image->data[offset + 13];
		sym->st_shndx = elf_get16(image, offset + 14);
	}
}

void elf_put_sym(struct elf_image *image, uint64_t offset, const GElf_Sym *sym)
{
	elf_put32(image, offset, sym->st_name);
	if (image->is64) {
		image->data[offset + 4] = sym->st_info;
		image->data[offset + 5] = sym->st_other;
		elf_put16(image, offset + 6, sym->st_shndx);
		elf_put64(image, offset + 8, sym->st_value);
		elf_put64(image, offset + 16, sym->st_size);
	} else {
		elf_put32(image, offset + 4, (uint32_t)sym->st_value);
		elf_put32(image, offset + 8, (uint32_t)sym->st_size);
		image->data[offset + 12] = sym->st_info;
		image->data[offset + 13] = sym->st_other;
		elf_put16(image, offset + 14, sym->st_shndx);
	}
}

void elf_get_rel(const struct elf_image *image, uint64_t offset, bool rela, GElf_Rela *reloc)
{
	if (image->is64) {
		reloc->r_offset = elf_get64(image, offset);
		reloc->r_info = elf_get64(image, offset + 8);
		reloc->r_addend = rela ? (int64_t)elf_get64(image, offset + 16) : 0;
	} else {
		uint32_t info = elf_get32(image, offset + 4);

		reloc->r_offset = elf_get32(image, offset);
		reloc->r_info = GELF_R_INFO((uint64_t)ELF32_R_SYM(info), ELF32_R_TYPE(info));
		reloc->r_addend = rela ? (int32_t)elf_get32(image, offset + 8) : 0;
	}
}

void elf_put_rel(struct elf_image *image, uint64_t offset, bool rela, const GElf_Rela *reloc)
{
	size_t word = elf_word_size(image);
	uint64_t info = reloc->r_info;

	if (!image->is64)
		info = ELF32_R_INFO(GELF_R_SYM(info), GELF_R_TYPE(info));
	elf_put_word(image, offset, reloc->r_offset);
	elf_put_word(image, offset + word, info);
	if (rela)
		elf_put_word(image, offset + 2 * word, (uint64_t)reloc->r_addend);
}

/* The largest address of the class. */
static uint64_t address_max(const struct elf_image *image)
{
	return image->is64 ? UINT64_MAX : UINT32_MAX;
}

static int check_segments(const struct elf_image *image)
{
	uint64_t end = 0; /* of the PT_LOAD before this one */
	bool first = true;

	for (size_t i = 0; i < image->phnum; i++) {
		const GElf_Phdr *p = &image->phdr[i];

		if (p->p_type == PT_NULL)
			continue;
		if (p->p_filesz && !elf_image_has(image, p->p_offset, p->p_filesz))
			return diag_error(image->path,
					  "program header %zu: segment lies outside the file; "
					  "the file is truncated or damaged",
					  i);
		if (p->p_memsz > address_max(image) - p->p_vaddr)
			return diag_error(image->path,
					  "program header %zu: segment wraps the address "
					  "space; the file is damaged",
					  i);
		if (p->p_type != PT_LOAD)
			continue;
		if (p->p_filesz > p->p_memsz)
			return diag_error(image->path,
					  "program header %zu: segment is larger in the file "
					  "than in memory; the file is damaged",
					  i);
		if (!first && p->p_vaddr < end)
			return diag_error(image->path,
					  "program header %zu: segments overlap or are out of "
					  "order; the file is damaged",
					  i);
		end = p->p_vaddr + p->p_memsz;
		first = false;
	}
	return 0;
}

static int check_sections(const struct elf_image *image)
{
	for (size_t i = 1; i < image->shnum; i++) {
		const GElf_Shdr *s = &image->shdr[i];

		if (s->sh_type != SHT_NOBITS && s->sh_type != SHT_NULL &&
		    !elf_image_has(image, s->sh_offset, s->sh_size))
			return diag_error(image->path,
					  "section header %zu: section lies outside the file; "
					  "the file is truncated or damaged",
					  i);
	}
	return 0;
}

/* Copies the section names, which are asked for again and again: who can write to the file does not
 * change what was looked at. */
static int read_names(struct elf_image *image, const GElf_Shdr *names)
{
	if (names->sh_size > LIMIT_NAMES)
		return diag_error(
			image->path,
			"section name table has more than the %lu bytes that are looked at; left alone",
			(unsigned long)LIMIT_NAMES);
	if (names->sh_type == SHT_STRTAB && names->sh_size) {
		image->names_size = names->sh_size;
		image->names = xmalloc(names->sh_size);
		memcpy(image->names, image->data + names->sh_offset, names->sh_size);
	}
	if (!image->names || image->names[image->names_size - 1] != '\0')
		return diag_error(image->path, "section name table is no string table; the file is damaged");
	return 0;
}

static int read_sections(struct elf_image *image)
{
	const GElf_Ehdr *e = &image->ehdr;

	if (e->e_shoff == 0) {
		image->shnum = 0;
		return 0;
	}
	if (e->e_shentsize != elf_shdr_size(image) || !elf_image_has(image, e->e_shoff, elf_shdr_size(image)))
		return diag_error(image->path,
				  "reading the section header table: it lies outside the file "
				  "or has entries of a wrong size; the file is truncated or damaged");

	GElf_Shdr first;
	get_shdr(image, e->e_shoff, &first);
	uint64_t count = e->e_shnum ? e->e_shnum : first.sh_size;
	if (count == 0 || count > (image->size - e->e_shoff) / elf_shdr_size(image))
		return diag_error(image->path,
				  "reading the section header table: %lu entries do not fit "
				  "the file; it is truncated or damaged",
				  (unsigned long)count);
	if (count > LIMIT_SECTIONS)
		return diag_error(
			image->path,
			"reading the section header table: %lu entries are more than the %d that are "
			"looked at; left alone",
			(unsigned long)count, LIMIT_SECTIONS);

	image->shnum = count;
	image->shdr = xcalloc(count, sizeof *image->shdr);
	for (size_t i = 0; i < count; i++)
		get_shdr(image, e->e_shoff + i * elf_shdr_size(image), &image->shdr[i]);
	if (check_sections(image))
		return -1;

	image->shstrndx = e->e_shstrndx == SHN_XINDEX ? first.sh_link : e->e_shstrndx;
	if (image->shstrndx == 0)
		return 0;
	if (image->shstrndx >= count)
		return diag_error(image->path,
				  "section name table has index %zu of %zu sections; the file "
				  "is damaged",
				  image->shstrndx, image->shnum);
	return read_names(image, &image->shdr[image->shstrndx]);
}

static int read_segments(struct elf_image *image)
{
	const GElf_Ehdr *e = &image->ehdr;
	uint64_t count = e->e_phnum;

	if (count == PN_XNUM && image->shnum)
		count = image->shdr[0].sh_info;
	if (e->e_phoff == 0 || count == 0)
		return 0;
	if (e->e_phentsize != elf_phdr_size(image) || e->e_phoff > image->size ||
	    count > (image->size - e->e_phoff) / elf_phdr_size(image))
		return diag_error(image->path,
				  "reading the program header table: it lies outside the file "
				  "or has entries of a wrong size; the file is truncated or damaged");
	if (count > LIMIT_SEGMENTS)
		return diag_error(
			image->path,
			"reading the program header table: %lu entries are more than the %d that are "
			"looked at; left alone",
			(unsigned long)count, LIMIT_SEGMENTS);
	image->phnum = count;
	image->phdr = xcalloc(count, sizeof *image->phdr);
	for (size_t i = 0; i < count; i++)
		get_phdr(image, e->e_phoff + i * elf_phdr_size(image), &image->phdr[i]);
	return check_segments(image);
}

enum elf_image_status elf_image_init(struct elf_image *image, void *data, size_t size, const char *path)
{
	const unsigned char *ident = data;

	*image = (struct elf_image){ .path = path, .data = data, .size = size };
	if (size < SELFMAG || !elf_magic(ident))
		return ELF_IMAGE_NOT_ELF;
	if (size < EI_NIDENT || (ident[EI_CLASS] != ELFCLASS32 && ident[EI_CLASS] != ELFCLASS64) ||
	    (ident[EI_DATA] != ELFDATA2LSB && ident[EI_DATA] != ELFDATA2MSB) ||
	    ident[EI_VERSION] != EV_CURRENT) {
		diag_error(path, "reading the ELF header: unknown class, byte order or version; the file is "
				 "damaged, or newer than this program");
		return ELF_IMAGE_BAD;
	}
	image->is64 = ident[EI_CLASS] == ELFCLASS64;
	image->big_endian = ident[EI_DATA] == ELFDATA2MSB;
	if (size < elf_ehdr_size(image)) {
		diag_error(path, "reading the ELF header: the file ends inside it; it is truncated");
		return ELF_IMAGE_BAD;
	}
	elf_version(EV_CURRENT);
	elf_get_ehdr(image, 0, &image->ehdr);
	if (read_sections(image) || read_segments(image)) {
		elf_image_release(image);
		return ELF_IMAGE_BAD;
	}
	return ELF_IMAGE_OK;
}

/* Decodes the headers of the SIZE bytes in MEMORY, which becomes IMAGE's, or is given back. */
static enum elf_image_status decode(struct elf_image *image, struct elf_memory *memory, size_t size,
				    const char *path)
{
	enum elf_image_status status = elf_image_init(image, memory->start, size, path);

	if (status == ELF_IMAGE_OK)
		image->memory = *memory;
	else
		elf_memory_give(memory);
	return status;
}

enum elf_image_status elf_image_open(struct elf_image *image, int fd, const char *path)
{
	struct stat st;

	*image = (struct elf_image){ .path = path };
	if (fstat(fd, &st)) {
		diag_errno(path, "reading the file's size");
		return ELF_IMAGE_BAD;
	}
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)SELFMAG)
		return ELF_IMAGE_NOT_ELF;
	if ((uint64_t)st.st_size > LIMIT_FILE) {
		diag_error(path, "it is larger than the %lu GB that are looked at; left alone",
			   (unsigned long)(LIMIT_FILE >> 30));
		return ELF_IMAGE_BAD;
	}
	/* Private and writable: pages that are changed are copied, the others stay the page cache's. */
	void *data = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd,
			  0);
	if (data == MAP_FAILED) {
		diag_errno(path, "mapping the file");
		return ELF_IMAGE_BAD;
	}
	struct elf_memory memory = { .start = data, .mapped = (size_t)st.st_size, .shared = true };

	mapfault_watch(data, memory.mapped, 0, path);
	elf_memory_watch(&memory, memory.mapped);
	return decode(image, &memory, memory.mapped, path);
}

/* Fills SIZE bytes at DATA from the start of FD. */
static int read_all(int fd, unsigned char *data, size_t size, const char *path)
{
	for (size_t at = 0; at < size;) {
		ssize_t got = pread(fd, data + at, size - at, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return diag_errno(path, "reading the file");
		if (got == 0)
			return diag_error(path, "reading the file: it became shorter meanwhile; run again");
		at += (size_t)got;
	}
	return 0;
}

enum elf_image_status elf_image_read(struct elf_image *image, int fd, const char *path)
{
	struct elf_memory memory = { 0 };
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size < (off_t)SELFMAG ||
	    (uint64_t)st.st_size > SCRATCH_MAX)
		return elf_image_open(image, fd, path);
	*image = (struct elf_image){ .path = path };
	if (elf_memory_take(&memory, (size_t)st.st_size, path))
		return ELF_IMAGE_BAD;
	if (read_all(fd, memory.start, (size_t)st.st_size, path)) {
		elf_memory_give(&memory);
		return ELF_IMAGE_BAD;
	}
	elf_memory_watch(&memory, (size_t)st.st_size);
	return decode(image, &memory, (size_t)st.st_size, path);
}

int elf_image_redecode(struct elf_image *image, size_t size)
{
	struct elf_image old = *image;

	free(image->phdr);
	free(image->shdr);
	free(image->names);
	if (elf_image_init(image, old.data, size, old.path) != ELF_IMAGE_OK) {
		elf_memory_give(&old.memory);
		return -1;
	}
	image->memory = old.memory;
	image->file_at = old.file_at;
	return 0;
}

void elf_image_release(struct elf_image *image)
{
	free(image->phdr);
	free(image->shdr);
	free(image->names);
	elf_memory_give(&image->memory);
	*image = (struct elf_image){ .path = image->path };
}

bool elf_image_offset(const struct elf_image *image, GElf_Addr address, uint64_t size, uint64_t *offset)
{
	for (size_t i = 0; i < image->phnum; i++) {
		const GElf_Phdr *p = &image->phdr[i];

		if (p->p_type != PT_LOAD || p->p_filesz == 0 || address < p->p_vaddr)
			continue;
		uint64_t inside = address - p->p_vaddr;
		if (inside <= p->p_filesz && size <= p->p_filesz - inside) {
			*offset = p->p_offset + inside;
			return true;
		}
	}
	return false;
}

bool elf_image_address(const struct elf_image *image, uint64_t offset, uint64_t size, GElf_Addr *address)
{
	for (size_t i = 0; i < image->phnum; i++) {
		const GElf_Phdr *p = &image->phdr[i];

		if (p->p_type != PT_LOAD || offset < p->p_offset)
			continue;
		uint64_t inside = offset - p->p_offset;
		if (inside <= p->p_filesz && size <= p->p_filesz - inside) {
			*address = p->p_vaddr + inside;
			return true;
		}
	}
	return false;
}

char *elf_image_string(const struct elf_image *image, uint64_t table, uint64_t size, uint64_t index)
{
	if (!elf_image_has(image, table, size) || index >= size)
		return NULL;
	const char *text = (const char *)image->data + table + index;
	uint64_t most = size - index < LIMIT_STRING ? size - index : LIMIT_STRING;
	size_t length = strnlen(text, most);

	return length < most ? xstrndup(text, length) : NULL;
}

const char *elf_image_section_name(const struct elf_image *image, size_t index)
{
	if (index >= image->shnum || image->shdr[index].sh_name >= image->names_size)
		return "";
	return image->names + image->shdr[index].sh_name;
}

size_t elf_image_find_section(const struct elf_image *image, const char *name)
{
	for (size_t i = 1; i < image->shnum; i++)
		if (strcmp(elf_image_section_name(image, i), name) == 0)
			return i;
	return 0;
}

const GElf_Phdr *elf_image_find_phdr(const struct elf_image *image, uint32_t type)
{
	for (size_t i = 0; i < image->phnum; i++)
		if (image->phdr[i].p_type == type)
			return &image->phdr[i];
	return NULL;
}

uint64_t elf_image_extent(const struct elf_image *image)
{
	uint64_t end = elf_ehdr_size(image);

	if (image->phnum && end < image->ehdr.e_phoff + image->phnum * elf_phdr_size(image))
		end = image->ehdr.e_phoff + image->phnum * elf_phdr_size(image);
	if (image->shnum && end < image->ehdr.e_shoff + image->shnum * elf_shdr_size(image))
		end = image->ehdr.e_shoff + image->shnum * elf_shdr_size(image);
	for (size_t i = 0; i < image->phnum; i++) {
		const GElf_Phdr *p = &image->phdr[i];

		if (p->p_type != PT_NULL && p->p_filesz && end < p->p_offset + p->p_filesz)
			end = p->p_offset + p->p_filesz;
	}
	for (size_t i = 1; i < image->shnum; i++) {
		const GElf_Shdr *s = &image->shdr[i];

		if (s->sh_type != SHT_NOBITS && s->sh_type != SHT_NULL && end < s->sh_offset + s->sh_size)
			end = s->sh_offset + s->sh_size;
	}
	return end;
}

/* Zero bytes after the end of the ELF file that are taken for padding.  More is somebody's data. */
#define PADDING_MAX 65536

uint64_t elf_image_trailing(const struct elf_image *image)
{
	uint64_t end = elf_image_extent(image), extra = image->size - end;
	bool data = extra > PADDING_MAX;

	for (uint64_t i = 0; i < extra && !data; i++)
		data = image->data[end + i] != 0;
	return data ? extra : 0;
}
