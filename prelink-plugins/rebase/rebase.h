/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Moving an object to another address, in memory.
 *
 * Everything in the file that holds an address of the object itself moves by one delta: the entry
 * point, program and section headers, the dynamic section, symbols (not those of SHN_ABS, not the
 * offsets of STT_TLS ones), the places and the addends of relocations, RELR entries and the words they
 * name, the first word of the GOT, and the lazy PLT stubs' addresses.  Code and read-only data are
 * position-independent, so no byte of them changes.
 *
 * The relocations stay, and stay right: loaded with any bias, the moved object becomes what the
 * original would have become at the same place.  Where it is loaded at its slot, the words that RELATIVE
 * relocations name hold their final values already.
 *
 * All input is hostile.  An object is refused, not half moved, where it has something that we do not
 * know how to move, or where two things that we would change lie on top of each other. */
#ifndef REBASE_H
#define REBASE_H

#include "object.h"

/* What moving cannot tell from the result: whether the word that a RELATIVE relocation with an addend
 * names held that addend (as linkers write it into the GOT) or nothing, one bit for each RELATIVE
 * relocation, in the order of the tables.  Words that held something else are the undo record's
 * business.  All zero: nothing is owned. */
struct rebase_words {
	unsigned char *held; /* bit set: the addend; clear: 0.  Owned */
	size_t count;        /* RELATIVE relocations in DT_RELA and DT_JMPREL; RELR and REL need no bits */
};

void rebase_words_release(struct rebase_words *words);

/* How to move. */
struct rebase {
	int64_t delta;   /* bytes; a multiple of the object's alignment */
	bool fill;       /* write the value of RELATIVE relocations with addends into their words: for
			   objects with a slot.  Words of REL and RELR move in any case: they are the
			   addend */
	const char *why; /* set on refusal: what stands against it, for "-v" and messages; static */
};

/* Moves IMAGE, headers decoded in it included.  Fills WORDS (which the caller releases) where
 * rebase->fill is set.  SKIP_NOT, or why the object is to be left alone; then IMAGE is spoilt and only
 * good for elf_image_release(). */
enum object_skip rebase_image(struct elf_image *image, const struct arch *arch, struct rebase *rebase,
			      struct rebase_words *words);

/* Takes it back: IMAGE was moved by rebase->delta, with those WORDS.  What lies in the GOT otherwise
 * and has been filled in since stays.  Same results. */
enum object_skip rebase_back(struct elf_image *image, const struct arch *arch, struct rebase *rebase,
			     struct rebase_words *words);

#endif
