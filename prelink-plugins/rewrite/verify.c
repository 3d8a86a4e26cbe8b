/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Verifying prelinked files; see verify.h. */
#include "rewrite/verify.h"

#include <nettle/nettle-meta.h>
#include <nettle/sha2.h>
#include <stdlib.h>

#include "diag.h"
#include "elf_copy.h"
#include "elf/stamp.h"
#include "rewrite/image.h"
#include "rewrite/original.h"
#include "rewrite/program.h"

/* Rewrites ORIGINAL at the address where PRESENT is, and compares. */
static int redo_and_compare(struct rewriting *rewriting, struct object *object,
			    const struct elf_image *present, const struct elf_image *original, int fd)
{
	uint64_t time = image_time(object);
	struct new_image redone;
	struct dynamic dynamic;

	/* The stamp is the file's, whatever has touched it since. */
	if (dynamic_init(&dynamic, present) == 0 && dynamic_stamp(&dynamic).time)
		time = dynamic_stamp(&dynamic).time;
	enum object_skip skip = image_make(&redone, rewriting, object, original, fd, time);

	if (skip || !redone.changed)
		return diag_error(present->path,
				  "verifying: its original would not be prelinked: %s; undo "
				  "it and prelink it again",
				  !skip      ? "nothing to gain" :
				  redone.why ? redone.why :
					       object_skip_text(skip));
	bool same = redone.image.size == present->size &&
		    elf_image_same(&redone.image, present, present->size);

	elf_image_release(&redone.image);
	if (!same)
		return diag_error(present->path,
				  "verifying: prelinking its original again gives another file: "
				  "a dependency has changed, or another version of this "
				  "program wrote it; prelink it again");
	return 0;
}

static const struct nettle_hash *hash_of(enum digest digest)
{
	switch (digest) {
	case DIGEST_MD5: return &nettle_md5;
	case DIGEST_SHA1: return &nettle_sha1;
	case DIGEST_SHA256: return &nettle_sha256;
	case DIGEST_NONE: break;
	}
	return NULL;
}

static int print_original(const struct elf_image *original, enum digest digest, FILE *out)
{
	const struct nettle_hash *hash = hash_of(digest);

	if (!hash) {
		fwrite(original->data, 1, original->size, out);
	} else {
		unsigned char value[SHA256_DIGEST_SIZE];
		void *context = xmalloc(hash->context_size);

		hash->init(context);
		hash->update(context, original->size, original->data);
		hash->digest(context, hash->digest_size, value);
		free(context);
		for (unsigned i = 0; i < hash->digest_size; i++)
			fprintf(out, "%02x", value[i]);
		fprintf(out, "  %s\n", original->path);
	}
	if (fflush(out) || ferror(out))
		return diag_errno(original->path, "verifying: writing the output");
	return 0;
}

/* Undoes OBJECT's file in memory, rewrites the result in memory at the same address, and compares; prints the
 * original or its digest. */
static int verify_object(struct rewriting *rewriting, struct object *object)
{
	struct elf_image present, original;
	int result = -1, fd = object_open(rewriting->root, object, READ_MAX, &present);

	if (fd < 0)
		return -1;
	if (object->remains > REMAINS_UNUSED) {
		diag_error(present.path,
			   "verifying: it was prelinked, and strip or the like took its undo record away: "
			   "what it was cannot be told; reinstall it from its package");
	} else if (original_init(&original, &present, fd) == 0) {
		result = undo_present(&present) ?
				 redo_and_compare(rewriting, object, &present, &original, fd) :
				 0;
		if (result == 0)
			result = print_original(&original, rewriting->options->digest, stdout);
		elf_image_release(&original);
	}
	object_close(&present, fd);
	return result;
}

void verify(struct rewriting *rewriting)
{
	struct object_list list = object_table_select(rewriting->table, object_is_listed);
	struct planner planner;

	plan_init(&planner, rewriting->root, rewriting->bind);
	rewriting->planner = &planner;
	rewriting->program = program_replay;
	for (size_t i = 0; i < list.count; i++)
		verify_object(rewriting, list.member[i]);
	rewriting->planner = NULL;
	plan_release(&planner);
	free(list.member);
}
