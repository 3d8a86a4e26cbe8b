/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Handing out slots; see layout.h.
 *
 * One machine after the other.  Every object of the machine gets a bit; with -m meet.h says who
 * meets whom, without it everyone meets everyone.  The ranges taken so far lie in one array sorted by
 * address; finding room is one walk along it, passing over those whom the object never meets.  That makes n²
 * short steps for n objects, some hundredths of a second for ten thousand, whatever the scopes look like. */
#include "layout/layout.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "align.h"
#include "alloc.h"
#include "diag.h"
#include "layout/meet.h"

/* The smallest page size that a kernel of any machine uses: what ld.so aligns to without effort. */
#define PAGE_MIN 4096

/* Room left free behind a new slot: this part of its size, at least a page. */
#define SLACK_PART 16

/* A range that is taken: [start, end), and [end, slack) is left free for as long as there is room. */
struct range {
	GElf_Addr start, end, slack;
	size_t who; /* bit */
};

/* An object that may get a slot, and how much it is wanted. */
struct want {
	struct object *object;
	size_t bit;
	size_t startup_uses; /* programs that have it in their start-up scope */
	size_t plugin_uses;  /* programs that have it in a plugin's scope only */
	size_t first_user;   /* index in the table of the first such program, SIZE_MAX without one */
	uint64_t unit;       /* its slot is a multiple of this, bytes */
	uint64_t need;       /* bytes that have to be free from the slot on */
	bool placed;
};

/* The address space of one machine. */
struct space {
	const struct arch *arch;
	const struct object_table *table;
	uint64_t page;          /* slots are multiples of it, bytes */
	GElf_Addr origin;       /* where handing out begins */
	struct object **member; /* by bit */
	size_t *bit_of;         /* by index in the table; NOBODY for objects of other machines */
	struct want *want;      /* by bit, until it is sorted */
	size_t count;
	struct meetings meetings;
	struct range *range; /* sorted by start */
	size_t range_count;
};

static bool is_program(const struct object *object)
{
	return object->kind == OBJECT_EXEC || object->kind == OBJECT_PIE;
}

static uint64_t alignment_of(const struct object *object)
{
	uint64_t align = object->align;

	return align < PAGE_MIN || (align & (align - 1)) ? PAGE_MIN : align;
}

uint64_t layout_room(const struct object *object)
{
	const struct arch *arch = object->arch;
	uint64_t size = align_up(object->end, arch->page_max) - (object->start & -(uint64_t)arch->page_max);
	uint64_t align = alignment_of(object);

	/* For more than a page of alignment, ld.so takes that much more and gives it back later. */
	if (align > PAGE_MIN)
		size += size >= align ? align : 2 * align - size;
	/* The kernel looks for a huge page's place, once it has rounded the size up to pages (mm/mmap.c,
	 * do_mmap(); mm/huge_memory.c, __thp_get_unmapped_area()). */
	return arch->huge_page && size >= arch->huge_page ? size + arch->huge_page : size;
}

static bool wants_slot(const struct object *object)
{
	return object->kind == OBJECT_LIBRARY && object->skip == SKIP_NOT && object->end > object->start;
}

/* --- taking room --- */

static void take(struct space *s, GElf_Addr start, uint64_t size, uint64_t slack, size_t who)
{
	size_t at = s->range_count;
	GElf_Addr end = start + size;
	struct range range = { start, end, end + slack < end ? end : end + slack, who };

	ALLOC_NEXT(s->range, s->range_count);
	while (at > 0 && s->range[at - 1].start > start)
		at--;
	memmove(s->range + at + 1, s->range + at, (s->range_count - at) * sizeof range);
	s->range[at] = range;
	s->range_count++;
}

/* True if nothing that BIT meets is in [start, end). */
static bool is_free(const struct space *s, size_t bit, GElf_Addr start, GElf_Addr end)
{
	for (size_t i = 0; i < s->range_count && s->range[i].start < end; i++)
		if (s->range[i].end > start && meetings_has(&s->meetings, bit, s->range[i].who))
			return false;
	return true;
}

/* The lowest multiple of UNIT in [from, until) from which SIZE bytes are free for BIT, with SLACK keeping
 * off the room that others have left behind them.  False where there is none. */
static bool find_room(const struct space *s, size_t bit, uint64_t size, uint64_t unit, GElf_Addr from,
		      GElf_Addr until, bool slack, GElf_Addr *found)
{
	GElf_Addr at = align_up(from, unit);

	if (at < from)
		return false;
	for (size_t i = 0; i < s->range_count; i++) {
		const struct range *p = &s->range[i];
		GElf_Addr end = slack ? p->slack : p->end;

		if (end <= at || !meetings_has(&s->meetings, bit, p->who))
			continue;
		if (p->start >= at && p->start - at >= size)
			break;
		at = align_up(end, unit);
		if (at < end)
			return false;
	}
	*found = at;
	return at <= until && until - at >= size;
}

static uint64_t slack_of(const struct space *s, const struct want *w)
{
	return align_up(w->need / SLACK_PART + 1, s->page);
}

static void place(struct space *s, struct want *w, GElf_Addr slot)
{
	take(s, slot, w->need, slack_of(s, w), w->bit);
	w->object->has_slot = w->placed = true;
	w->object->slot = slot;
}

/* Room for W: from the origin up, then below it; keeping to the slack at first, and without at need. */
static bool place_new(struct space *s, struct want *w)
{
	const struct arch *arch = s->arch;
	GElf_Addr slot;

	for (int slack = 1; slack >= 0; slack--) {
		uint64_t size = w->need + (slack ? slack_of(s, w) : 0);

		if (find_room(s, w->bit, size, w->unit, s->origin, arch->slot_end, slack, &slot) ||
		    find_room(s, w->bit, size, w->unit, arch->slot_first, arch->slot_end, slack, &slot)) {
			place(s, w, slot);
			return true;
		}
	}
	return false;
}

/* --- the passes over one machine --- */

/* The slot that W had: where it lies now, or where the cache says that its forerunner lay; 0: none.  *GROWN
 * if it takes more room than it had there. */
static GElf_Addr earlier_slot(const struct want *w, const struct cache *old, bool *grown)
{
	const struct cache_object *entry = cache_find(old, w->object->path);

	*grown = false;
	if (w->object->prelinked && w->object->start)
		return w->object->start;
	if (!entry || !(entry->flags & CACHE_HAS_SLOT) ||
	    strcmp(cache_string(old, entry->machine), w->object->arch->name) != 0)
		return 0;
	*grown = w->object->end - w->object->start > entry->end - entry->start;
	return entry->start;
}

/* Gives W the slot that it had, if that is free still; those that have GROWN have to wait for those that
 * have not, so that they push nobody away. */
static void keep_slot(struct space *s, struct want *w, const struct cache *old, bool grown)
{
	bool has_grown;
	GElf_Addr slot = earlier_slot(w, old, &has_grown);

	if (has_grown == grown && slot >= s->arch->slot_first && slot < s->arch->slot_end &&
	    slot % w->unit == 0 && s->arch->slot_end - slot >= w->need &&
	    is_free(s, w->bit, slot, slot + w->need))
		place(s, w, slot);
}

/* The most used first; then those that the same programs use together. */
static int compare_wants(const void *a, const void *b)
{
	const struct want *x = a, *y = b;

	if (x->startup_uses != y->startup_uses)
		return x->startup_uses < y->startup_uses ? 1 : -1;
	if (x->plugin_uses != y->plugin_uses)
		return x->plugin_uses < y->plugin_uses ? 1 : -1;
	if (x->first_user != y->first_user)
		return x->first_user > y->first_user ? 1 : -1;
	return strcmp(x->object->path, y->object->path);
}

/* Counts one use of OBJECT by program USER.  SEEN, by bit, holds the number of the last such user + 1. */
static void count_use(struct space *s, const struct object *object, size_t user, bool startup, size_t *seen)
{
	size_t bit = s->bit_of[object->index];

	if (bit == NOBODY || seen[bit] == user + 1)
		return;
	seen[bit] = user + 1;
	if (startup)
		s->want[bit].startup_uses++;
	else
		s->want[bit].plugin_uses++;
	if (s->want[bit].first_user == SIZE_MAX)
		s->want[bit].first_user = user;
}

static void count_uses(struct space *s)
{
	size_t *seen = xcalloc(s->count, sizeof *seen);

	for (size_t i = 0; i < s->count; i++) {
		const struct object *program = s->member[i];

		if (!is_program(program))
			continue;
		for (size_t j = 0; j < program->scope.count; j++)
			count_use(s, program->scope.member[j], program->index, true, seen);
		for (size_t j = 0; j < program->plugin_count; j++)
			for (size_t k = 0; k < program->plugin[j].scope.count; k++)
				count_use(s, program->plugin[j].scope.member[k], program->index, false, seen);
	}
	free(seen);
}

/* Takes what this run cannot move: programs with fixed addresses, and libraries that are left alone where
 * somebody put them. */
static void take_fixed(struct space *s)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct object *object = s->member[i];
		bool fixed = object->kind == OBJECT_EXEC ||
			     (object->kind == OBJECT_LIBRARY && object->skip != SKIP_NOT && object->start);

		if (fixed && object->end > object->start)
			take(s, object->start, object->end - object->start, 0, i);
	}
}

/* A program that W is for. */
static const char *user_of(const struct space *s, const struct want *w)
{
	return w->startup_uses + w->plugin_uses ? s->table->object[w->first_user]->shown : "no program";
}

/* What goes without a slot, in its order. */
struct left_out {
	const struct want *first;
	size_t count;
	uint64_t bytes;
};

/* No room for W: with -v it is said for each, with the program that it is missing in. */
static void leave_out(const struct space *s, const struct want *w, const struct options *options,
		      struct left_out *out)
{
	object_leave(w->object, SKIP_LAYOUT_FULL);
	out->first = out->first ? out->first : w;
	out->count++;
	out->bytes += w->need;
	if (options->verbose)
		diag_warn(w->object->shown, "no room for its %" PRIu64 " bytes; needed by %s%s", w->need,
			  user_of(s, w), w->startup_uses + w->plugin_uses > 1 ? " and others" : "");
}

/* Once for all that go without. */
static void report_left_out(const struct space *s, const struct options *options, const struct left_out *out)
{
	const char *cure = s->meetings.row ? "leave others out with -b" : "try -m, which shares addresses";

	if (out->count == 0)
		return;
	if (out->count == 1)
		diag_warn(out->first->object->shown,
			  "no room for its %" PRIu64
			  " bytes among the addresses of %s; it is needed by %s, and stays as it is: %s",
			  out->bytes, s->arch->name, user_of(s, out->first), cure);
	else
		diag_warn(out->first->object->shown,
			  "no room for it and %zu other libraries of %s, %" PRIu64
			  " KB in all; it is needed by %s; they stay as they are: %s%s",
			  out->count - 1, s->arch->name, out->bytes >> 10, user_of(s, out->first), cure,
			  options->verbose ? "" : "; -v names them all");
}

static uint64_t splitmix64(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* Where to begin: the first address, or with -R any at which everything still fits in one piece. */
static GElf_Addr find_origin(const struct space *s, uint64_t seed)
{
	uint64_t total = 0, range = s->arch->slot_end - s->arch->slot_first;

	for (size_t i = 0; i < s->count; i++)
		if (wants_slot(s->member[i]))
			total += s->want[i].need + slack_of(s, &s->want[i]) + s->want[i].unit - s->page;
	if (total >= range)
		total = 0; /* it goes round the end anyway */
	uint64_t choices = (range - total) / s->page;
	for (const char *c = s->arch->name; *c; c++)
		seed = splitmix64(seed + (unsigned char)*c);
	return s->arch->slot_first + (choices ? splitmix64(seed) % choices : 0) * s->page;
}

static void space_init(struct space *s, const struct object_table *table, const struct arch *arch,
		       const struct options *options)
{
	*s = (struct space){ .arch = arch, .table = table, .page = arch->page_max };
	if (options->layout_page_size > PAGE_MIN)
		s->page = options->layout_page_size;
	s->member = xcalloc(table->count, sizeof *s->member);
	s->bit_of = xcalloc(table->count, sizeof *s->bit_of);
	s->want = xcalloc(table->count, sizeof *s->want);
	for (size_t i = 0; i < table->count; i++) {
		struct object *object = table->object[i];

		s->bit_of[i] = object->arch == arch ? s->count : NOBODY;
		if (object->arch != arch)
			continue;
		uint64_t align = alignment_of(object);

		s->want[s->count] = (struct want){ .object = object,
						   .bit = s->count,
						   .first_user = SIZE_MAX,
						   .unit = align > s->page ? align : s->page,
						   .need = align_up(layout_room(object), s->page) };
		s->member[s->count++] = object;
	}
}

static void space_release(struct space *s)
{
	free(s->member);
	free(s->bit_of);
	free(s->want);
	meetings_release(&s->meetings);
	free(s->range);
}

static void lay_out_machine(struct object_table *table, const struct arch *arch, const struct cache *old,
			    const struct options *options)
{
	struct left_out out = { 0 };
	struct space s;

	space_init(&s, table, arch, options);
	count_uses(&s);
	if (options->conserve_memory)
		meetings_find(&s.meetings, s.member, s.count, s.bit_of);
	s.origin = options->random ? find_origin(&s, options->seed) : arch->slot_first;
	take_fixed(&s);

	/* From here on want[] is in order of want, and no longer by bit. */
	qsort(s.want, s.count, sizeof *s.want, compare_wants);
	for (int grown = 0; grown <= 1; grown++)
		for (size_t i = 0; i < s.count; i++)
			if (wants_slot(s.want[i].object) && !(options->force && s.want[i].object->wanted))
				keep_slot(&s, &s.want[i], old, grown);
	for (size_t i = 0; i < s.count; i++)
		if (wants_slot(s.want[i].object) && s.want[i].object->wanted && !s.want[i].placed &&
		    !place_new(&s, &s.want[i]))
			leave_out(&s, &s.want[i], options, &out);
	report_left_out(&s, options, &out);
	space_release(&s);
}

void layout(struct object_table *table, const struct cache *old, const struct options *options)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct arch *arch = table->object[i]->arch;
		bool first = arch != NULL;

		for (size_t j = 0; j < i && first; j++)
			first = table->object[j]->arch != arch;
		if (first)
			lay_out_machine(table, arch, old, options);
	}
}

void layout_present(struct object_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		struct object *object = table->object[i];

		object->has_slot = object->kind == OBJECT_LIBRARY && object->prelinked;
		object->slot = object->prelinked || object->kind != OBJECT_LOADER ? object->start : 0;
		if (object->kind == OBJECT_LOADER && !object->prelinked)
			object_leave(object, SKIP_LOADER);
	}
}

void layout_at(struct object *object, GElf_Addr address)
{
	object->has_slot = true;
	object->slot = address;
}
