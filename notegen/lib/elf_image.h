/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One ELF file in memory, of any class and byte order, and bounds-checked access to it.
 *
 * An image is a private, writable copy-on-write mapping of the file, or a copy of it in memory (or a buffer
 * of the caller's): what is changed in it reaches no file until outfile.h writes it.  The headers are decoded
 * once, by elf_image_open(); everything else is read where it lies, with the accessors below.
 *
 * Invariants after a successful open, so that nobody need check them again:
 *   - the ELF header is whole, its class, data encoding and version are known;
 *   - the program header table and the section header table, where present, lie inside the file;
 *   - for every program header with p_filesz > 0: [p_offset, p_offset + p_filesz) is inside the file
 *     and does not wrap; p_vaddr + p_memsz does not wrap in the address size of the class; for
 *     PT_LOAD p_filesz <= p_memsz, and PT_LOADs are in ascending order and do not overlap in memory;
 *   - for every section header but SHT_NOBITS and SHT_NULL: [sh_offset, sh_offset + sh_size) is
 *     inside the file;
 *   - shstrndx is 0 or names an SHT_STRTAB section whose last byte is NUL;
 *   - there are no more of these than limit.h says.
 * Nothing else is: symbol indices, string offsets, addresses in the dynamic section and so on are
 * hostile until checked.
 *
 * A mapping shows what somebody writes to the file meanwhile.  So what was checked is not read again: it was
 * copied (the headers, section names), or it is checked each time that it is read.  Who makes another file of
 * one has a copy of all of it (elf_image_read()), or looks at what was written afterwards (replace_write()).
 *
 * Addresses are virtual addresses as in the file (before any load bias); offsets are file offsets in
 * bytes.  Follows the System V gABI, chapters 4 and 5. */
#ifndef ELF_IMAGE_H
#define ELF_IMAGE_H

#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "elf_memory.h"

struct elf_image {
	const char *path;         /* for messages; owned by the caller, outlives the image */
	unsigned char *data;      /* the file's bytes */
	size_t size;              /* bytes */
	struct elf_memory memory; /* that data is in; zero where it is the caller's */
	int64_t file_at;   /* file offset of data in the file that it came from; negative where something
				     was put before (elf_image_grow()) */
	bool is64;         /* ELFCLASS64 */
	bool big_endian;   /* ELFDATA2MSB */
	GElf_Ehdr ehdr;    /* decoded; e_phnum, e_shnum, e_shstrndx as stored (see below) */
	GElf_Phdr *phdr;   /* decoded program header table */
	size_t phnum;      /* real count, PN_XNUM resolved */
	GElf_Shdr *shdr;   /* decoded section header table, entry 0 included */
	size_t shnum;      /* real count, 0 where the file has none; e_shnum 0 resolved */
	size_t shstrndx;   /* real index, SHN_XINDEX resolved; 0 where there is no name table */
	char *names;       /* a copy of that table, NULL where there is none */
	size_t names_size; /* bytes; the last is NUL */
};

/* What elf_image_open() found. */
enum elf_image_status {
	ELF_IMAGE_OK = 0,
	ELF_IMAGE_NOT_ELF = 1, /* does not start with \177ELF (or is shorter): nothing was printed */
	ELF_IMAGE_BAD = -1,    /* unreadable or malformed: the reason was printed, path included */
};

/* True if the SELFMAG bytes at DATA are those with which every ELF file starts. */
static inline bool elf_magic(const void *data)
{
	return memcmp(data, ELFMAG, SELFMAG) == 0;
}

/* Maps the open regular file FD and decodes its headers.  PATH is for messages.  FD may be closed
 * afterwards.  On anything but ELF_IMAGE_OK the image holds nothing to release. */
enum elf_image_status elf_image_open(struct elf_image *image, int fd, const char *path);

/* The same, but a file that is not very large (SCRATCH_MAX) is read into memory, which the thread that opened
 * it has to release (scratch.h): for who makes another file of it, and goes through all of it more than once.
 * What somebody writes to the file meanwhile does not show. */
enum elf_image_status elf_image_read(struct elf_image *image, int fd, const char *path);

/* The same as elf_image_open() for SIZE bytes at DATA, which the caller owns and keeps alive. */
enum elf_image_status elf_image_init(struct elf_image *image, void *data, size_t size, const char *path);

/* Decodes the headers again, after IMAGE's bytes have changed to become those of a file of SIZE bytes
 * (at most those mapped).  On failure IMAGE is released.  0, or -1 after a message. */
int elf_image_redecode(struct elf_image *image, size_t size);

/* Frees the header tables and the mapping.  Harmless on a zeroed or released image. */
void elf_image_release(struct elf_image *image);

/* True if [offset, offset + size) lies inside the file. */
static inline bool elf_image_has(const struct elf_image *image, uint64_t offset, uint64_t size)
{
	return offset <= image->size && size <= image->size - offset;
}

/* Turns an address into a file offset, by the PT_LOAD segment whose file-backed part holds all of
 * [address, address + size).  Returns false where there is none (also for .bss). */
bool elf_image_offset(const struct elf_image *image, GElf_Addr address, uint64_t size, uint64_t *offset);

/* The other way round, for SIZE bytes at file offset OFFSET. */
bool elf_image_address(const struct elf_image *image, uint64_t offset, uint64_t size, GElf_Addr *address);

/* A copy, allocated, of the NUL-terminated string at INDEX in the string table of SIZE bytes at file offset
 * TABLE; NULL if it does not end inside the table, or has LIMIT_STRING bytes. */
char *elf_image_string(const struct elf_image *image, uint64_t table, uint64_t size, uint64_t index);

/* Name of section INDEX; "" where it has none or the name table is unusable.  Never NULL. */
const char *elf_image_section_name(const struct elf_image *image, size_t index);

/* Index of the first section called NAME, 0 where there is none. */
size_t elf_image_find_section(const struct elf_image *image, const char *name);

/* First program header of TYPE, NULL where there is none. */
const GElf_Phdr *elf_image_find_phdr(const struct elf_image *image, uint32_t type);

/* p_vaddr of the first PT_LOAD, to which ld.so adds the load bias; 0 where there is none. */
static inline GElf_Addr elf_image_first_address(const struct elf_image *image)
{
	const GElf_Phdr *load = elf_image_find_phdr(image, PT_LOAD);

	return load ? load->p_vaddr : 0;
}

/* The same, rounded down to the segment's alignment: the lowest address that belongs to the object. */
static inline GElf_Addr elf_image_start(const struct elf_image *image)
{
	const GElf_Phdr *load = elf_image_find_phdr(image, PT_LOAD);

	if (!load)
		return 0;
	return load->p_align && (load->p_align & (load->p_align - 1)) == 0 ? load->p_vaddr & -load->p_align :
									     load->p_vaddr;
}

/* Bytes of file from its start that the ELF header, the header tables, segments and sections account
 * for.  What follows (an archive, a signature) is not ELF's, and is lost if the file is rearranged. */
uint64_t elf_image_extent(const struct elf_image *image);

/* How much follows it: 0 also where that is a little padding of zeros, as patchelf leaves it. */
uint64_t elf_image_trailing(const struct elf_image *image);

/* Sizes in bytes of the records of this image's class. */
static inline size_t elf_word_size(const struct elf_image *image)
{
	return image->is64 ? 8 : 4;
}
static inline size_t elf_ehdr_size(const struct elf_image *image)
{
	return image->is64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
}
static inline size_t elf_phdr_size(const struct elf_image *image)
{
	return image->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
}
static inline size_t elf_shdr_size(const struct elf_image *image)
{
	return image->is64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
}
static inline size_t elf_dyn_size(const struct elf_image *image)
{
	return image->is64 ? sizeof(Elf64_Dyn) : sizeof(Elf32_Dyn);
}
static inline size_t elf_sym_size(const struct elf_image *image)
{
	return image->is64 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
}
static inline size_t elf_rel_size(const struct elf_image *image)
{
	return image->is64 ? sizeof(Elf64_Rel) : sizeof(Elf32_Rel);
}
static inline size_t elf_rela_size(const struct elf_image *image)
{
	return image->is64 ? sizeof(Elf64_Rela) : sizeof(Elf32_Rela);
}

/* Bytes of the image's memory that lie before its data. */
static inline size_t elf_image_origin(const struct elf_image *image)
{
	return image->memory.start ? (size_t)(image->data - image->memory.start) : 0;
}

/* To be called by who writes to SIZE bytes at data + OFFSET in another way than with elf_put_*(). */
static inline void elf_touch(struct elf_image *image, uint64_t offset, uint64_t size)
{
	elf_memory_touch(&image->memory, elf_image_origin(image) + offset, size);
}
static inline bool elf_touched(const struct elf_image *image, uint64_t offset)
{
	return elf_memory_touched(&image->memory, elf_image_origin(image) + offset);
}

/* Loads and stores of the image's byte order at a file offset.  The caller has checked the bounds
 * (elf_image_has); any alignment will do. */
static inline uint16_t elf_get16(const struct elf_image *image, uint64_t offset)
{
	uint16_t v;
	memcpy(&v, image->data + offset, sizeof v);
	return image->big_endian == (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) ? v : __builtin_bswap16(v);
}
static inline uint32_t elf_get32(const struct elf_image *image, uint64_t offset)
{
	uint32_t v;
	memcpy(&v, image->data + offset, sizeof v);
	return image->big_endian == (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) ? v : __builtin_bswap32(v);
}
static inline uint64_t elf_get64(const struct elf_image *image, uint64_t offset)
{
	uint64_t v;
	memcpy(&v, image->data + offset, sizeof v);
	return image->big_endian == (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) ? v : __builtin_bswap64(v);
}
static inline void elf_put16(struct elf_image *image, uint64_t offset, uint16_t v)
{
	v = image->big_endian == (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) ? v : __builtin_bswap16(v);
	memcpy(image->data + offset, &v, sizeof v);
	elf_touch(image, offset, sizeof v);
}
static inline void elf_put32(struct elf_image *image, uint64_t offset, uint32_t v)
{
	v = image->big_endian == (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) ? v : __builtin_bswap32(v);
	memcpy(image->data + offset, &v, sizeof v);
	elf_touch(image, offset, sizeof v);
}
static inline void elf_put64(struct elf_image *image, uint64_t offset, uint64_t v)
{
	v = image->big_endian == (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) ? v : __builtin_bswap64(v);
	memcpy(image->data + offset, &v, sizeof v);
	elf_touch(image, offset, sizeof v);
}

/* A word of the class's address size.  Stores truncate to it. */
static inline uint64_t elf_get_word(const struct elf_image *image, uint64_t offset)
{
	return image->is64 ? elf_get64(image, offset) : elf_get32(image, offset);
}
static inline void elf_put_word(struct elf_image *image, uint64_t offset, uint64_t v)
{
	if (image->is64)
		elf_put64(image, offset, v);
	else
		elf_put32(image, offset, (uint32_t)v);
}

/* Records at a file offset that the caller has checked.  A get decodes to the 64-bit form (Rel
 * records come with r_addend 0, r_info in the GELF_R_* form), a put encodes the class's form. */
void elf_get_ehdr(const struct elf_image *image, uint64_t offset, GElf_Ehdr *ehdr);
void elf_get_dyn(const struct elf_image *image, uint64_t offset, GElf_Dyn *dyn);
void elf_put_dyn(struct elf_image *image, uint64_t offset, const GElf_Dyn *dyn);
void elf_get_sym(const struct elf_image *image, uint64_t offset, GElf_Sym *sym);
void elf_put_sym(struct elf_image *image, uint64_t offset, const GElf_Sym *sym);
void elf_get_rel(const struct elf_image *image, uint64_t offset, bool rela, GElf_Rela *reloc);
void elf_put_rel(struct elf_image *image, uint64_t offset, bool rela, const GElf_Rela *reloc);
void elf_put_ehdr(struct elf_image *image, const GElf_Ehdr *ehdr);
void elf_put_phdr(struct elf_image *image, uint64_t offset, const GElf_Phdr *phdr);
void elf_put_shdr(struct elf_image *image, uint64_t offset, const GElf_Shdr *shdr);

#endif
