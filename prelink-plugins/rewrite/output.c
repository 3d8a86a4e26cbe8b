/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Originals to standard output; see output.h. */
#include "rewrite/output.h"

#include <fcntl.h>
#include <nettle/nettle-meta.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "diag.h"
#include "rewrite/packaged.h"

struct output {
	const struct nettle_hash *hash; /* NULL: the bytes themselves */
	void *context;                  /* of HASH; owned */
};

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

/* DIGEST_NONE: the bytes. */
static void output_begin(struct output *output, enum digest digest)
{
	*output = (struct output){ .hash = hash_of(digest) };
	if (output->hash) {
		output->context = xmalloc(output->hash->context_size);
		output->hash->init(output->context);
	}
}

static void output_add(struct output *output, const void *data, size_t size)
{
	if (output->hash)
		output->hash->update(output->context, size, data);
	else
		fwrite(data, 1, size, stdout);
}

/* NAME as md5sum(1) prints it: where it would break the line, with a backslash before the line to say so. */
static void print_line(const unsigned char *digest, size_t size, const char *name)
{
	bool escaped = name[strcspn(name, "\\\n\r")];

	if (escaped)
		putchar('\\');
	for (size_t i = 0; i < size; i++)
		printf("%02x", digest[i]);
	fputs("  ", stdout);
	for (; *name; name++) {
		switch (*name) {
		case '\\': fputs("\\\\", stdout); break;
		case '\n': fputs("\\n", stdout); break;
		case '\r': fputs("\\r", stdout); break;
		default: putchar(*name);
		}
	}
	putchar('\n');
}

/* Releases OUTPUT; a digest is printed with the NAME of the file, as it was given.
 * 0, or -1 after a message. */
static int output_end(struct output *output, const char *name)
{
	if (output->hash) {
		unsigned char digest[SHA256_DIGEST_SIZE];

		output->hash->digest(output->context, output->hash->digest_size, digest);
		print_line(digest, output->hash->digest_size, name);
		free(output->context);
	}
	if (fflush(stdout) || ferror(stdout))
		return diag_errno(name, "writing its original to standard output");
	return 0;
}

static int add_piece(void *context, const unsigned char *data, size_t size)
{
	output_add(context, data, size);
	return 0;
}

static int put_packaged(struct packaged *packaged, enum digest digest, const char *name)
{
	struct output output;

	output_begin(&output, digest);
	packaged_each(packaged, &output, add_piece);
	packaged_release(packaged);
	return output_end(&output, name);
}

int output_packaged(const struct added *added, const char *path, const struct stat *st,
		    const struct elf_image *original, enum digest digest, const char *name)
{
	struct packaged packaged;

	return packaged_init(&packaged, added, path, st, original) ? -1 :
								     put_packaged(&packaged, digest, name);
}

/* All that FD has. */
static int put_file(int fd, enum digest digest, const char *name)
{
	enum { PIECE = 64 << 10 };
	struct output output;
	ssize_t got = -1;
	char *piece = xmalloc(PIECE);

	output_begin(&output, digest);
	while ((got = read(fd, piece, PIECE)) > 0)
		output_add(&output, piece, (size_t)got);
	free(piece);
	if (got < 0) {
		diag_errno(name, "reading it to print it");
		free(output.context);
	}
	return got < 0 ? -1 : output_end(&output, name);
}

int output_file(const struct root *root, const struct added *added, const char *path, enum digest digest,
		const char *name)
{
	struct packaged packaged;
	struct stat st;
	int fd = root_open(root, path, O_RDONLY), result = -1;

	if (fd < 0 || fstat(fd, &st))
		diag_errno(name, "opening it to print it");
	else if ((result = packaged_open(&packaged, added, path, &st, fd, name)) > 0)
		result = put_packaged(&packaged, digest, name);
	else if (result == 0)
		result = put_file(fd, digest, name);
	if (fd >= 0)
		close(fd);
	return result;
}
