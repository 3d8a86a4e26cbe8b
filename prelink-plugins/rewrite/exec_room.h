/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Room in an executable: for a longer program header table, more strings, more dynamic entries, and
 * sections of our own.
 *
 * The room is at the front.  The file's contents shift up by whole pages, and what is needed goes between
 * the ELF header and them, in a PT_LOAD of its own before all others:
 *
 *     ELF header, program headers, notes, [TLS template], .dynstr, new sections, | the old file
 *
 * So the program headers stay right behind the ELF header, where the kernel (AT_PHDR), strip and
 * debuggers look for them, the build-id stays in the page that core files keep, and everything new lies in
 * one segment that is read-only, also where the first one of the old file is its text.  (Where that is
 * read-only too, the kernel makes one mapping of both.)
 *
 *   - ET_EXEC: the new segment lies below the others; no address changes.
 *   - PIE: the new segment has the first one's address, all else is moved up by rebase_image().  An address
 *     of the original is exec_room.shift lower.
 *
 * The bytes of the old ELF header and program headers stay where the rest of the old file puts
 * them: that is where the program's own __ehdr_start points, and they are still true of it.
 *
 *     struct exec_want want = { .bytes = size, .strings = strlen(path) + 1, .tags = 2, .tls_align = align };
 *     skip = exec_room_make(&room, image, &undo, &want, &why);
 *     ...                                             // addresses are final now
 *     exec_room_section(&room, ".prelink.plan", SHT_PROGBITS, 8, plan, size);
 *     exec_room_tag(&room, DT_AUDIT, exec_room_string(&room, path));
 *     exec_room_tag(&room, DT_PRELINK_PLAN, address);
 *     exec_room_end(&room);
 *
 * Tags have to be known to dynamic_tag_kind(), or a PIE could not be moved back, and should be to
 * eu-elflint: those that <elf.h> names.
 *
 * Whatever is done here is in the undo record: nothing of it need be undone otherwise. */
#ifndef EXEC_ROOM_H
#define EXEC_ROOM_H

#include "rewrite/undo.h"

/* What is to be added. */
struct exec_want {
	uint64_t bytes;    /* in all sections, padding for their alignment included */
	size_t strings;    /* bytes of strings for .dynstr, their NULs included */
	unsigned int tags; /* entries of the dynamic section */
	uint64_t
		tls_align; /* bytes: raise the alignment of PT_TLS to that, adding one where there is none; 0: leave
			       it.  This gives start-up libraries static TLS (static_tls.h) */
};

struct exec_room;

/* What somebody else has to add to the same room; NULL pointers to it mean nobody. */
struct exec_guest {
	struct exec_want want;
	const void *context;
	int (*fill)(const void *context, struct exec_room *room); /* sections, strings, tags; 0, or -1 */
};

struct exec_room {
	struct elf_image *image; /* the grown executable; its headers are current after exec_room_end() */
	struct undo *undo;       /* what is done is noted here */
	uint64_t front;          /* bytes put in front */
	uint64_t shift;          /* bytes by which addresses grew: front for a PIE, else 0 */
	GElf_Addr base;          /* address of the file's first byte */
	bool tls_raised;         /* want->tls_align could be granted */
	const char *tls_why;     /* and if not, why; static */
	uint64_t next;           /* file offset of the first byte of the room that is free yet */
	struct table dynstr;     /* the new one: address, file offset, bytes used */
	size_t dynstr_room;      /* bytes */
	uint64_t dynamic_at;     /* file offset of the dynamic section, which may be a new one */
	size_t dynamic_count;    /* entries used, DT_NULL not counted */
	size_t dynamic_room;     /* entries there is room for, the last DT_NULL included */
};

/* Makes room for WANT in IMAGE, which is a copy of an original executable of its own (elf_image_clone()), and
 * fills UNDO (whose arch is set).  Segments aligned to more than 64 KB are aligned to what their sections
 * need instead, rather than putting megabytes in front; where these need as much, there is no room.
 *
 * With want->tls_align: glibc rounds the block of static TLS up to the alignment of the executable's, and so
 * leaves more of it.  The executable's own thread variables keep their offset from the thread pointer:
 * PT_TLS goes to an address that is congruent to minus that offset, its template (if any) is copied there.
 * Not possible where a relocation names the template, or the machine's thread pointer lies below the
 * variables; see tls_raised.
 *
 * SKIP_NOT, or why not: then IMAGE is spoilt, and WHY is set (static). */
enum object_skip exec_room_make(struct exec_room *room, struct elf_image *image, struct undo *undo,
				const struct exec_want *want, const char **why);

/* Adds section NAME (static) with a copy of the SIZE bytes at CONTENT, allocated and read-only, ALIGN a
 * power of two up to 4096.  Returns its address, 0 where WANT was too small. */
GElf_Addr exec_room_section(struct exec_room *room, const char *name, uint32_t type, uint64_t align,
			    const void *content, size_t size);

/* Adds TEXT to .dynstr.  Returns its index, 0 where WANT was too small. */
uint64_t exec_room_string(struct exec_room *room, const char *text);

/* True if the dynamic section has an entry with TAG. */
bool exec_room_has(const struct exec_room *room, int64_t tag);

/* Adds an entry to the dynamic section, before the final DT_NULL.  0, or -1 where WANT was too small. */
int exec_room_tag(struct exec_room *room, int64_t tag, uint64_t value);

/* Decodes the headers again.  0, or -1 after a message. */
int exec_room_end(struct exec_room *room);

#endif
