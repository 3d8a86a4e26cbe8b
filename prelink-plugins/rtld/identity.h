/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which file an object in memory is: digests of what ld.so has mapped of it, the same whether they are
 * taken of the file (plan/identity.c) or of the process (the run-time module), of any class, in any byte
 * order and at any load bias.
 *
 * They cover what the bindings of others rely on: the dynamic section (where every table is, and how large),
 * the program headers (what is mapped where), and the build-id, which changes with every byte that was
 * linked.  Where there is no build-id, or it is not a digest of the contents (--build-id=0x1111...), the
 * dynamic symbol table takes its place: two versions of a library whose functions have changed places differ
 * there.  Stripping an object, or adding a section that is not mapped, changes none of it.
 *
 * `content` is followed only where a PT_LOAD of the object that is there maps all of it. */
#ifndef IDENTITY_H
#define IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

struct identity {
	uint64_t dynamic;      /* digest of the dynamic section */
	uint64_t headers;      /* digest of the program headers, then of the build-id or the symbols */
	uint64_t content;      /* address of the build-id's bytes, or of the symbol table, as in the file */
	uint32_t content_size; /* bytes of it */
	uint32_t symbols;      /* 1: `content` is the symbol table */
};

/* The digest of nothing. */
#define IDENTITY_START 0x9e3779b97f4a7c15ull

/* DIGEST, to which WORD is added. */
static inline uint64_t identity_add(uint64_t digest, uint64_t word)
{
	digest = (digest ^ word) * 0xff51afd7ed558ccdull;
	return digest ^ digest >> 32;
}

/* One entry of the dynamic section with its value as in the file.  DT_DEBUG (21) holds what the debugger is
 * told, not what is in the file. */
static inline uint64_t identity_add_dynamic(uint64_t digest, uint64_t tag, uint64_t value)
{
	return tag == 21 ? digest : identity_add(identity_add(digest, tag), value);
}

/* One program header, by its fields. */
static inline uint64_t identity_add_phdr(uint64_t digest, uint64_t type, uint64_t flags, uint64_t offset,
					 uint64_t address, uint64_t file_size, uint64_t size, uint64_t align)
{
	digest = identity_add(identity_add(digest, type << 32 | flags), offset);
	digest = identity_add(identity_add(digest, address), file_size);
	return identity_add(identity_add(digest, size), align);
}

/* SIZE bytes of a build-id. */
static inline uint64_t identity_add_bytes(uint64_t digest, const unsigned char *bytes, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		digest = identity_add(digest, bytes[i]);
	return digest;
}

/* One symbol, by its fields. */
static inline uint64_t identity_add_symbol(uint64_t digest, uint32_t name, uint64_t value, uint64_t size,
					   uint32_t section, uint32_t info, uint32_t other)
{
	digest = identity_add(digest, (uint64_t)name << 32 | section << 16 | info << 8 | other);
	return identity_add(identity_add(digest, value), size);
}

#endif
