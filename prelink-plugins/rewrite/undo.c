/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing and using the undo record; see undo.h. */
#include "rewrite/undo.h"

#include <stdlib.h>
#include <zlib.h>

#include "align.h"
#include "alloc.h"
#include "diag.h"
#include "elf_copy.h"
#include "elf/stamp.h"

/* ---- The headers ---- */

/* Where the header tables of a file are, by its ELF header alone. */
struct tables {
	uint64_t phoff, shoff;
	size_t phsize, shsize; /* bytes; section headers without the first */
};

/* By the ELF header E, of a file of IMAGE's class. */
static struct tables find_tables(const struct elf_image *image, const GElf_Ehdr *e)
{
	return (struct tables){
		.phoff = e->e_phoff,
		.shoff = e->e_shoff + elf_shdr_size(image),
		.phsize = e->e_phnum * elf_phdr_size(image),
		.shsize = (e->e_shnum ? e->e_shnum - 1u : 0) * elf_shdr_size(image),
	};
}

/* The contents of .gnu.prelink_undo, allocated. */
static unsigned char *save_headers(const struct elf_image *original, size_t *size)
{
	struct tables t = find_tables(original, &original->ehdr);
	size_t ehsize = elf_ehdr_size(original);
	unsigned char *saved = xmalloc(ehsize + t.phsize + t.shsize);

	memcpy(saved, original->data, ehsize);
	memcpy(saved + ehsize, original->data + t.phoff, t.phsize);
	memcpy(saved + ehsize + t.phsize, original->data + t.shoff, t.shsize);
	*size = ehsize + t.phsize + t.shsize;
	return saved;
}

/* Puts the SIZE bytes of HEADERS back where they say they were, in a file of LIMIT bytes. */
static int restore_headers(struct elf_image *image, const unsigned char *headers, size_t size, uint64_t limit)
{
	size_t ehsize = elf_ehdr_size(image);
	GElf_Ehdr ehdr;

	if (size < ehsize || limit < ehsize || !elf_magic(headers) ||
	    headers[EI_CLASS] != (image->is64 ? ELFCLASS64 : ELFCLASS32) ||
	    headers[EI_DATA] != (image->big_endian ? ELFDATA2MSB : ELFDATA2LSB))
		return -1;
	memcpy(image->data, headers, ehsize);
	elf_touch(image, 0, ehsize);
	elf_get_ehdr(image, 0, &ehdr);
	struct tables t = find_tables(image, &ehdr);

	if (size != ehsize + t.phsize + t.shsize || t.phoff > limit || t.phsize > limit - t.phoff ||
	    t.shoff > limit || t.shsize > limit - t.shoff)
		return -1;
	memcpy(image->data + t.phoff, headers + ehsize, t.phsize);
	memcpy(image->data + t.shoff, headers + ehsize + t.phsize, t.shsize);
	elf_touch(image, t.phoff, t.phsize);
	elf_touch(image, t.shoff, t.shsize);
	return 0;
}

/* ---- Moving back ---- */

/* Does mechanically what can be done: IMAGE's first SIZE bytes are then the original's, but for the
 * patches.  HEADERS (of HEADERS_SIZE bytes) are not in IMAGE. */
static int move_back(struct elf_image *image, struct undo *undo, uint64_t size, const unsigned char *headers,
		     size_t headers_size, const char **why)
{
	struct rebase rebase = { .delta = undo->delta, .fill = undo->fill };

	if (undo->delta && rebase_back(image, undo->arch, &rebase, &undo->words) != SKIP_NOT) {
		*why = rebase.why;
		return -1;
	}
	elf_image_drop_front(image, undo->front);
	*why = "the headers that it saved are not this file's";
	return restore_headers(image, headers, headers_size, size);
}

/* ---- Patches ---- */

struct buffer {
	unsigned char *data; /* owned */
	size_t size, room;
};

static void put_byte(struct buffer *buffer, unsigned char byte)
{
	ALLOC_GROW(buffer->data, buffer->size + 1, buffer->room);
	buffer->data[buffer->size++] = byte;
}

static void put_leb128(struct buffer *buffer, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		put_byte(buffer, (unsigned char)(value | 0x80));
	put_byte(buffer, (unsigned char)value);
}

/* Reads a number at *AT of the SIZE bytes at DATA, and advances. */
static bool get_leb128(const unsigned char *data, size_t size, size_t *at, uint64_t *value)
{
	*value = 0;
	for (unsigned int shift = 0; *at < size && shift < 64; shift += 7) {
		unsigned char byte = data[(*at)++];

		*value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return true;
	}
	return false;
}

/* The word at file offset OFFSET of a file of SIZE bytes, which may end inside it. */
static uint64_t get_word(const struct elf_image *image, uint64_t offset, uint64_t size)
{
	size_t word = elf_word_size(image);
	unsigned char padded[8] = { 0 };
	struct elf_image end = { .data = padded, .is64 = image->is64, .big_endian = image->big_endian };

	if (word <= size - offset)
		return elf_get_word(image, offset);
	memcpy(padded, image->data + offset, size - offset);
	return elf_get_word(&end, 0);
}

static void put_word(struct elf_image *image, uint64_t offset, uint64_t size, uint64_t value)
{
	size_t word = elf_word_size(image);
	unsigned char padded[8];
	struct elf_image end = { .data = padded, .is64 = image->is64, .big_endian = image->big_endian };

	elf_put_word(&end, 0, value);
	memcpy(image->data + offset, padded, word <= size - offset ? word : size - offset);
	elf_touch(image, offset, word <= size - offset ? word : size - offset);
}

/* What has to be written over BACK to make it ORIGINAL, both of the same file, added to STREAM. */
static void make_patches(const struct elf_image *back, const struct elf_image *original,
			 struct buffer *stream)
{
	uint64_t word = elf_word_size(original), next = 0, previous = 0;
	const size_t block = ELF_MEMORY_PAGE;

	for (uint64_t start = 0; start < original->size; start += block) {
		uint64_t end = original->size - start < block ? original->size : start + block;

		if ((!elf_touched(back, start) && !elf_touched(original, start)) ||
		    memcmp(back->data + start, original->data + start, end - start) == 0)
			continue;
		for (uint64_t at = start; at < end; at += word) {
			uint64_t value = get_word(original, at, original->size);

			if (get_word(back, at, original->size) == value)
				continue;
			uint64_t step = value - previous;

			put_leb128(stream, (at - next) / word);
			put_leb128(stream, step << 1 ^ (step >> 63 ? UINT64_MAX : 0));
			next = at + word;
			previous = value;
		}
	}
}

static int apply_patches(struct elf_image *image, uint64_t size, const unsigned char *stream,
			 size_t stream_size)
{
	uint64_t word = elf_word_size(image), at = 0, value = 0, gap, step;

	for (size_t i = 0; i < stream_size; at += word) {
		if (!get_leb128(stream, stream_size, &i, &gap) ||
		    !get_leb128(stream, stream_size, &i, &step) || gap > size / word)
			return -1;
		at += gap * word;
		if (at >= size)
			return -1;
		value += step >> 1 ^ (step & 1 ? UINT64_MAX : 0);
		put_word(image, at, size, value);
	}
	return 0;
}

/* ---- CRC ---- */

static uint32_t crc_part(uint32_t crc, const unsigned char *data, size_t size)
{
	return (uint32_t)crc32_z(crc, data, size);
}

static uint32_t crc_zeros(uint32_t crc, size_t size)
{
	static const unsigned char zeros[8];

	return crc_part(crc, zeros, size);
}

static int crc_piece(void *context, const unsigned char *data, size_t size)
{
	uint32_t *crc = context;

	*crc = crc_part(*crc, data, size);
	return 0;
}

/* CRC, continued with bytes [from, to) of IMAGE. */
static uint32_t crc_bytes(uint32_t crc, const struct elf_image *image, uint64_t from, uint64_t to)
{
	elf_image_for_each(image, from, to, &crc, crc_piece);
	return crc;
}

/* CRC-32 of IMAGE, a rewritten file, but for two fields: CHECKSUM, and that in the record at file offset
 * RECORD, which lies after the dynamic section. */
static uint32_t rewritten_crc(const struct elf_image *image, struct checksum checksum, uint64_t record)
{
	uint64_t at = 0;
	uint32_t crc = 0;

	if (checksum.at && checksum.at + checksum.size <= record) {
		crc = crc_bytes(crc, image, 0, checksum.at);
		crc = crc_zeros(crc, checksum.size);
		at = checksum.at + checksum.size;
	}
	crc = crc_bytes(crc, image, at, record + REC_CRC);
	crc = crc_zeros(crc, 4);
	return crc_bytes(crc, image, record + REC_CRC + 4, image->size);
}

/* ---- Writing ---- */

/* Deflates STREAM after the REC_STREAM bytes that the record starts with. */
static unsigned char *deflate_stream(const struct buffer *stream, size_t *size)
{
	uLongf deflated = compressBound(stream->size);
	unsigned char *record = xcalloc(REC_STREAM + deflated, 1);

	/* Cannot fail but for want of memory: the room is compressBound()'s. */
	if (compress2(record + REC_STREAM, &deflated, stream->data, stream->size, 9) != Z_OK) {
		free(record);
		return NULL;
	}
	*size = REC_STREAM + deflated;
	return record;
}

/* The contents of .prelink.undo but for the CRC of the rewritten file, allocated. */
static unsigned char *make_record(const struct elf_image *original, const struct undo *undo,
				  const struct buffer *stream, size_t *size)
{
	unsigned char *data = deflate_stream(stream, size);
	struct elf_image record = { .data = data, .big_endian = original->big_endian };

	if (!data)
		return NULL;
	memcpy(data, UNDO_MAGIC, sizeof UNDO_MAGIC - 1);
	elf_put32(&record, REC_VERSION, RECORD_VERSION);
	elf_put64(&record, REC_SIZE, original->size);
	elf_put32(&record, REC_ORIGINAL_CRC, crc_bytes(0, original, 0, original->size));
	elf_put32(&record, REC_FLAGS,
		  (undo->fill ? FLAG_FILL : 0) | (undo->stamped_null ? FLAG_STAMPED_NULL : 0));
	elf_put64(&record, REC_DELTA, (uint64_t)undo->delta);
	elf_put64(&record, REC_FRONT, undo->front);
	elf_put64(&record, REC_WORDS, undo->words.count);
	elf_put64(&record, REC_STREAM_SIZE, stream->size);
	return data;
}

/* Where each part of the tail goes, in bytes from the tail's start. */
struct tail_layout {
	size_t headers, record, names, shdrs, end;
};

/* Adds NAME to the COUNT bytes of names at TEXT (which have room), and to TABLE the section. */
static void put_section(struct elf_image *out, uint64_t *table, unsigned char *text, size_t *count,
			const char *name, GElf_Shdr shdr)
{
	shdr.sh_name = (uint32_t)*count;
	strcpy((char *)text + *count, name);
	*count += strlen(name) + 1;
	elf_put_shdr(out, *table, &shdr);
	*table += elf_shdr_size(out);
}

/* Bytes of the names of all sections that are added. */
static size_t new_names_size(const struct undo *undo)
{
	size_t size = sizeof UNDO_SECTION + sizeof UNDO_OWN_SECTION;

	for (size_t i = 0; i < undo->section_count; i++)
		size += strlen(undo->section[i].name) + 1;
	return size;
}

/* Appends to the section name table and to the section header table what is added; sets the ELF header.
 * Returns the tail, with the contents of the two undo sections left to the caller. */
static unsigned char *make_tail(struct elf_image *moved, const struct undo *undo, size_t headers_size,
				size_t record_size, struct tail_layout *l)
{
	const GElf_Shdr *names = &moved->shdr[moved->shstrndx];
	size_t shnum = moved->shnum + undo->section_count + 2, step = elf_shdr_size(moved);
	size_t base = moved->size, names_size = names->sh_size;

	l->headers = align_up(base, 8) - base;
	l->record = align_up(base + l->headers + headers_size, 8) - base;
	l->names = l->record + record_size;
	l->shdrs = align_up(base + l->names + names_size + new_names_size(undo), 8) - base;
	l->end = l->shdrs + shnum * step;

	unsigned char *tail = xcalloc(l->end, 1);
	struct elf_image out = { .data = tail, .is64 = moved->is64, .big_endian = moved->big_endian };
	uint64_t table = l->shdrs;

	memcpy(tail + l->names, moved->data + names->sh_offset, names_size);
	for (size_t i = 0; i < moved->shnum; i++, table += step) {
		GElf_Shdr s = moved->shdr[i];

		if (i == moved->shstrndx) {
			s.sh_offset = base + l->names;
			s.sh_size += new_names_size(undo);
		}
		elf_put_shdr(&out, table, &s);
	}
	for (size_t i = 0; i < undo->section_count; i++)
		put_section(&out, &table, tail + l->names, &names_size, undo->section[i].name,
			    undo->section[i].shdr);
	put_section(&out, &table, tail + l->names, &names_size, UNDO_SECTION,
		    (GElf_Shdr){ .sh_type = SHT_PROGBITS,
				 .sh_offset = base + l->headers,
				 .sh_size = headers_size,
				 .sh_addralign = 8 });
	put_section(&out, &table, tail + l->names, &names_size, UNDO_OWN_SECTION,
		    (GElf_Shdr){ .sh_type = SHT_PROGBITS,
				 .sh_offset = base + l->record,
				 .sh_size = record_size,
				 .sh_addralign = 8 });

	GElf_Ehdr ehdr = moved->ehdr;

	ehdr.e_shoff = base + l->shdrs;
	ehdr.e_shnum = (uint16_t)shnum;
	elf_put_ehdr(moved, &ehdr);
	return tail;
}

/* ---- Undoing ---- */

static int bad_record(const struct elf_image *image, const char *why)
{
	return diag_error(image->path,
			  "undoing: the undo record is damaged (%s); reinstall the file from "
			  "its package",
			  why);
}

static int changed_since(const struct elf_image *image)
{
	return diag_error(image->path,
			  "undoing: the file was changed after it was prelinked, by strip, patchelf "
			  "or the like; reinstall it from its package");
}

/* The record of a file that is being undone. */
struct record {
	struct undo_record file;
	struct undo undo;
	unsigned char *stream; /* inflated; owned */
};

static int inflate_stream(const struct elf_image *image, struct record *r)
{
	const struct undo_record *file = &r->file;
	uLongf size = file->stream_size;

	r->undo = (struct undo){ .arch = file->arch,
				 .delta = file->delta,
				 .front = file->front,
				 .fill = file->fill,
				 .stamped_null = file->stamped_null };
	r->stream = xmalloc(file->stream_size);
	if (uncompress(r->stream, &size, image->data + file->at + REC_STREAM, file->size - REC_STREAM) !=
		    Z_OK ||
	    size != file->stream_size)
		return -1;
	r->undo.words = (struct rebase_words){ .held = r->stream, .count = file->words };
	return 0;
}

/* Undoes IMAGE by its record R, whose stream is inflated.  NULL, or what is wrong with the record. */
static const char *undo_by(struct elf_image *image, struct record *r)
{
	const struct undo_record *file = &r->file;
	size_t words = bits_size(file->words); /* bytes; then the patches */
	unsigned char *headers = xmalloc(file->headers_size);
	const char *why;
	int result;

	memcpy(headers, image->data + file->headers_at, file->headers_size);
	result = move_back(image, &r->undo, file->original_size, headers, file->headers_size, &why);
	free(headers);
	if (result)
		return why;
	if (apply_patches(image, file->original_size, r->stream + words, file->stream_size - words))
		return "a patch lies outside the file";
	return NULL;
}

/* How the CRC of an image that we have just made was taken.  Set by set_crc(). */
struct written {
	uint64_t record;   /* file offset of .prelink.undo */
	uint64_t checksum; /* file offset */
	uint32_t crc;
};

/* Of smaller images (bytes) the CRC is always taken: it costs next to nothing, and a mistake in how we take
 * it shows before files are replaced that nobody could undo. */
enum { CRC_SMALL = 256 << 10 };

/* True if IMAGE is still what was written, by its record R.  WRITTEN is NULL where it comes from a file. Else
 * its CRC was taken from the same bytes a moment ago, and it is enough that it would be taken in the same way
 * again. */
static bool is_unchanged(const struct elf_image *image, const struct undo_record *r, struct checksum checksum,
			 const struct written *written)
{
	if (!written || image->size <= CRC_SMALL)
		return rewritten_crc(image, checksum, r->at) == r->crc;
	return r->at == written->record && r->crc == written->crc && checksum.at == written->checksum;
}

enum undone { UNDONE, UNDO_CHANGED, UNDO_BAD };

/* Undoes IMAGE, which comes from a file (WRITTEN is NULL) or is to become one: the caller then compares the
 * result with the original, whose CRC would tell nothing more.  STRICT: not where it is not what was written.
 * *SIZE: of the original; *WHY: what is UNDO_BAD. */
static enum undone undo_bytes(struct elf_image *image, const struct written *written, bool strict,
			      uint64_t *size, const char **why_bad)
{
	struct record r = { 0 };
	const char *why = undo_record_read(image, &r.file);

	*size = r.file.original_size;
	*why_bad = why;

	struct checksum checksum = checksum_find(image, r.file.stamped_null);
	bool legible = !why || r.file.headers_size; /* it is there, and of this version */

	/* Whoever moves sections, as strip does, leaves the record, or half of it, where its
	 * own numbers do not fit. */
	bool changed = legible ? !is_unchanged(image, &r.file, checksum, written) : r.file.at == 0;

	if (changed && (strict || why || elf_image_trailing(image)))
		return UNDO_CHANGED;
	if (why)
		return UNDO_BAD;
	checksum_put(image, checksum, 0); /* as it was when the patches were made */
	why = inflate_stream(image, &r) ? "it cannot be inflated" : undo_by(image, &r);
	free(r.stream);
	if (!why && !written && crc_bytes(0, image, 0, r.file.original_size) != r.file.original_crc)
		why = "it does not lead back to the original";
	*why_bad = why;
	return !why ? UNDONE : changed ? UNDO_CHANGED : UNDO_BAD;
}

/* The same, and says what is wrong. */
static int undo_record(struct elf_image *image, const struct written *written, bool strict)
{
	uint64_t size;
	const char *why;

	switch (undo_bytes(image, written, strict, &size, &why)) {
	case UNDONE: return elf_image_redecode(image, size);
	case UNDO_CHANGED: return changed_since(image);
	case UNDO_BAD: break;
	}
	return bad_record(image, why);
}

int undo_image(struct elf_image *image, bool strict)
{
	return undo_record(image, NULL, strict);
}

bool undo_leads_back(struct elf_image *image)
{
	uint64_t size;
	const char *why;

	return undo_bytes(image, NULL, true, &size, &why) == UNDONE;
}

uint32_t undo_crc(const struct elf_image *image)
{
	return crc_bytes(0, image, 0, image->size);
}

/* ---- Both ---- */

/* Moves BACK, which is as the rewritten image is, back, and adds to STREAM what it still lacks to be
 * ORIGINAL. */
static enum object_skip make_stream(struct elf_image *back, const struct elf_image *original,
				    struct undo *undo, const unsigned char *headers, size_t headers_size,
				    struct buffer *stream)
{
	const char *why;

	if (move_back(back, undo, original->size, headers, headers_size, &why)) {
		diag_error(back->path, "trying to undo it in memory: %s; it is left as it was", why);
		return SKIP_MALFORMED;
	}
	for (size_t i = 0; i < bits_size(undo->words.count); i++)
		put_byte(stream, undo->words.held ? undo->words.held[i] : 0);
	make_patches(back, original, stream);
	return SKIP_NOT;
}

/* The same with MOVED, which is as before afterwards. */
static enum object_skip find_stream(struct elf_image *moved, const struct elf_image *original,
				    struct undo *undo, const unsigned char *headers, size_t headers_size,
				    struct buffer *stream)
{
	struct elf_saved saved;
	struct elf_image back;

	if (elf_image_save(moved, &saved))
		return SKIP_MALFORMED;
	elf_image_view(&back, moved);
	enum object_skip skip = make_stream(&back, original, undo, headers, headers_size, stream);

	elf_image_release(&back);
	elf_image_restore(moved, &saved, original, undo->front);
	elf_saved_release(&saved);
	return skip;
}

/* Undoes FILE, the bytes that are to be written, and compares all of them with ORIGINAL.  Patches and
 * elf_image_restore() go by what elf_touch() was told; this does not, so that a change that it was not told
 * of is found here. */
static bool is_undone(struct elf_image *file, const struct elf_image *original, const struct written *written)
{
	if (undo_record(file, written, true))
		return false;
	if (file->size == original->size && elf_image_same(file, original, file->size))
		return true;
	diag_error(
		original->path,
		"trying to undo it in memory: the result differs from the original; it is left as it was; %s",
		original->memory.shared ? "somebody changed it while it was read: run again" :
					  "please report this");
	return false;
}

/* The same with FILE, whose headers are decoded anew for that, and whose bytes are as before afterwards. */
static bool is_proven(struct elf_image *file, const struct elf_image *original, const struct written *written,
		      size_t front)
{
	struct elf_saved saved;
	struct elf_image back;

	if (elf_image_save(file, &saved))
		return false;
	elf_image_view(&back, file);
	bool proven = elf_image_redecode(&back, back.size) == 0 && is_undone(&back, original, written);

	elf_image_release(&back);
	elf_image_restore(file, &saved, original, front);
	elf_saved_release(&saved);
	return proven;
}

/* Ends FILE, in which all is in place but for the CRC, as CHECKSUM and in the record at file offset
 * RECORD. */
static struct written set_crc(struct elf_image *file, struct checksum checksum, uint64_t record)
{
	struct written written = { .record = record,
				   .checksum = checksum.at,
				   .crc = rewritten_crc(file, checksum, record) };

	elf_put32(file, record + REC_CRC, written.crc);
	checksum_put(file, checksum, written.crc);
	return written;
}

/* Appends to MOVED its two undo sections and what else comes with them.  0, or -1 after a message. */
static int append(struct elf_image *moved, const struct undo *undo, const unsigned char *headers,
		  size_t headers_size, const unsigned char *record, size_t record_size, struct tail_layout *l)
{
	unsigned char *tail = make_tail(moved, undo, headers_size, record_size, l);

	memcpy(tail + l->headers, headers, headers_size);
	memcpy(tail + l->record, record, record_size);
	int result = elf_image_append(moved, tail, l->end);

	free(tail);
	return result;
}

enum object_skip undo_append(struct elf_image *moved, const struct elf_image *original, struct undo *undo)
{
	size_t headers_size, record_size = 0;
	struct buffer stream = { 0 };
	struct tail_layout l;

	/* Elsewhere counts go by e_shnum and e_phnum; .gnu.prelink_undo cannot have it otherwise. */
	if (original->shnum == 0 || original->shstrndx == 0 ||
	    moved->shnum + undo->section_count + 2 >= SHN_LORESERVE ||
	    original->ehdr.e_shnum != original->shnum || original->ehdr.e_phnum != original->phnum)
		return SKIP_NO_SECTIONS;
	if (!moved->is64 && moved->size > UINT32_MAX / 2)
		return SKIP_MALFORMED;

	unsigned char *headers = save_headers(original, &headers_size);
	enum object_skip skip = find_stream(moved, original, undo, headers, headers_size, &stream);
	if (!skip && !undo_stream_fits(stream.size, original->size)) {
		diag_error(moved->path,
			   "moving it changes more of it than can be undone; it is left as it was");
		skip = SKIP_MALFORMED;
	}
	unsigned char *record = skip ? NULL : make_record(original, undo, &stream, &record_size);

	if (record) {
		uint64_t base = moved->size;

		skip = SKIP_MALFORMED;
		if (append(moved, undo, headers, headers_size, record, record_size, &l) == 0) {
			struct checksum checksum = checksum_find(moved, undo->stamped_null);
			struct written written = set_crc(moved, checksum, base + l.record);

			if (is_proven(moved, original, &written, undo->front))
				skip = SKIP_NOT;
		}
	} else if (!skip) {
		diag_error(moved->path, "compressing the undo record: out of memory; it is left as it was");
		skip = SKIP_MALFORMED;
	}
	free(record);
	free(headers);
	free(stream.data);
	return skip;
}
