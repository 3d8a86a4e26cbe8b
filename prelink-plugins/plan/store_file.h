/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A store (rtld/store_format.h), read: for who asks what the run-time module would find in it. */
#ifndef STORE_FILE_H
#define STORE_FILE_H

#include "plan/stored.h"
#include "rtld/store_format.h"

struct store_file {
	char *path;                 /* inside the root; owned */
	unsigned char *bytes;       /* owned; NULL where there is none that counts */
	uint64_t size;              /* bytes */
	struct elf_image form;      /* class and byte order of the machine that it is for */
	struct store_header header; /* its table lies inside of it */
	size_t plans;               /* of the programs that it knows, with a plan */
	bool damaged; /* its checksum is not that of its bytes; a plan in it that is whole is used all the same */
	const char *why; /* static: why the file that is there counts as none; NULL */
};

/* The checksum of SIZE bytes of a store (store_format.h). */
uint32_t store_file_crc(const unsigned char *bytes, uint64_t size);

/* Why the run-time module would pass over a store whose status is ST, whatever is in it,
 * static; NULL if it takes it. */
const char *store_file_distrust(const struct stat *st);

/* Reads the store at PATH inside ROOT.  The rules are the module's: a regular file of root's or of
 * our own, which nobody else can write.  One that is not there is empty; 0, or -1 after a message
 * where it cannot be read. */
int store_file_read(struct store_file *store, const struct root *root, const char *path);
void store_file_release(struct store_file *store);

enum store_answer { STORE_NO_WORD, STORE_NO_PLAN, STORE_PLAN };

/* What STORE (or NULL) has for PROGRAM's file, of the machine ARCH (or NULL).  STORE_PLAN: STORED is set, and
 * reads from the store as long as that is there. */
enum store_answer store_file_find(const struct store_file *store, const struct placed *program,
				  const struct arch *arch, struct stored *stored);

#endif
