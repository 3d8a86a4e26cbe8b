/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Moving an object; see rebase.h.
 *
 * One walk over all that moves.  Each range of the file that is changed is claimed first, so that
 * nothing is changed twice: a relocation that names a table, a header, or a word that another one
 * names as well, gets the object refused. */
#include "rebase/rebase.h"

#include <stdlib.h>

#include "bits.h"
#include "elf/facts.h"

struct walk {
	struct elf_image *image;
	const struct arch *arch;
	struct dynamic dynamic;
	struct rebase *rebase;
	struct rebase_words *words;
	uint64_t delta; /* of this walk: rebase->delta, or its negative on the way back */
	bool back;
	size_t relative;        /* RELATIVE relocations with addends met so far */
	GElf_Addr start, end;   /* of the PT_LOADs, before the move */
	const GElf_Phdr *last;  /* PT_LOAD of the last word that was looked for */
	unsigned char *claimed; /* a bit for each byte of the file */
	enum object_skip skip;
};

static int refuse(struct walk *w, enum object_skip skip, const char *why)
{
	w->skip = skip;
	w->rebase->why = why;
	return -1;
}

void rebase_words_release(struct rebase_words *words)
{
	free(words->held);
	*words = (struct rebase_words){ 0 };
}

/* Claims SIZE bytes at file offset OFFSET, which the caller knows to be in the file. */
static int claim(struct walk *w, uint64_t offset, uint64_t size)
{
	for (uint64_t at = offset, end = offset + size; at < end;) {
		bool whole = at % 8 == 0 && end - at >= 8;

		if (whole ? w->claimed[at / 8] != 0 : bits_get(w->claimed, at))
			return refuse(w, SKIP_MALFORMED, "two things that have to move overlap");
		if (whole)
			w->claimed[at / 8] = 0xff;
		else
			bits_set(w->claimed, at);
		at += whole ? 8 : 1;
	}
	return 0;
}

/* Finds the file offset of the SIZE bytes at ADDRESS, which a relocation writes to, and claims them. */
static int claim_target(struct walk *w, GElf_Addr address, uint64_t size, uint64_t *offset)
{
	const GElf_Phdr *p = w->last;

	if (!p || address < p->p_vaddr || address - p->p_vaddr >= p->p_memsz) {
		for (p = w->image->phdr; p < w->image->phdr + w->image->phnum; p++)
			if (p->p_type == PT_LOAD && address >= p->p_vaddr &&
			    address - p->p_vaddr < p->p_memsz)
				break;
		if (p == w->image->phdr + w->image->phnum)
			return refuse(w, SKIP_MALFORMED, "a relocation of an address outside the segments");
		w->last = p;
	}
	uint64_t inside = address - p->p_vaddr;

	if (!(p->p_flags & PF_W))
		return refuse(w, SKIP_RELOCATION, "a relocation in a read-only segment");
	if (inside > p->p_filesz || size > p->p_filesz - inside)
		return refuse(w, SKIP_RELOCATION, "a relocation of a word that is not in the file");
	*offset = p->p_offset + inside;
	return claim(w, *offset, size);
}

/* Adds the delta to the word at file offset OFFSET. */
static void move_word(struct walk *w, uint64_t offset)
{
	elf_put_word(w->image, offset, elf_get_word(w->image, offset) + w->delta);
}

/* The same, where the word holds an address of this object (a PLT stub's), not a value that was
 * filled in or a mark of the linker's. */
static void move_own_address(struct walk *w, uint64_t offset)
{
	uint64_t value = elf_get_word(w->image, offset);

	if (value != 0 && value >= w->start && value < w->end)
		move_word(w, offset);
}

static int move_dynamic(struct walk *w)
{
	size_t step = elf_dyn_size(w->image);

	if (dynamic_has_textrel(&w->dynamic))
		return refuse(w, SKIP_RELOCATION, "text relocations");
	if (claim(w, w->dynamic.offset, w->dynamic.count * step))
		return -1;
	for (size_t i = 0; i < w->dynamic.count; i++) {
		GElf_Dyn entry;

		dynamic_entry(&w->dynamic, w->image, i, &entry);
		switch (dynamic_tag_kind(w->arch, entry.d_tag)) {
		case TAG_UNKNOWN: return refuse(w, SKIP_RELOCATION, "an unknown tag in the dynamic section");
		case TAG_VALUE: break;
		case TAG_ADDRESS:
			entry.d_un.d_ptr += w->delta;
			elf_put_dyn(w->image, w->dynamic.offset + i * step, &entry);
			break;
		}
	}
	return 0;
}

/* True if SYMBOL is an address in the object.  LOADED: of the dynamic symbol table, where ld.so asks for no
 * section; a symbol of .symtab may lie in one that is not loaded. */
static bool symbol_moves(const struct elf_image *image, const GElf_Sym *symbol, bool loaded)
{
	if (GELF_ST_TYPE(symbol->st_info) == STT_TLS)
		return false; /* an offset into the TLS block */
	if (symbol->st_shndx == SHN_UNDEF)
		return symbol->st_value != 0; /* the PLT entry of an undefined function */
	if (symbol->st_shndx >= SHN_LORESERVE)
		return symbol->st_shndx == SHN_XINDEX;
	return loaded || symbol->st_shndx >= image->shnum ||
	       image->shdr[symbol->st_shndx].sh_flags & SHF_ALLOC;
}

/* True of the linker's names for two places of the object, of which STRINGS has the names.  On aarch64,
 * arm and riscv64 GNU ld calls them absolute in .symtab: no loader looks there, but readers compare
 * them with what lies there. */
static bool is_own_place(const struct elf_image *image, const GElf_Shdr *strings, const GElf_Sym *symbol)
{
	static const char *const own[] = { "_DYNAMIC", "_GLOBAL_OFFSET_TABLE_" };

	if (symbol->st_shndx != SHN_ABS || strings->sh_type != SHT_STRTAB ||
	    symbol->st_name >= strings->sh_size)
		return false;
	const unsigned char *name = image->data + strings->sh_offset + symbol->st_name;
	for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
		size_t size = strlen(own[i]) + 1;

		if (size <= strings->sh_size - symbol->st_name && memcmp(name, own[i], size) == 0)
			return true;
	}
	return false;
}

/* STRINGS: where the names are, NULL for the dynamic symbol table. */
static int move_symbols(struct walk *w, uint64_t offset, uint64_t count, const GElf_Shdr *strings)
{
	size_t step = elf_sym_size(w->image);

	if (claim(w, offset, count * step))
		return -1;
	for (uint64_t i = 0; i < count; i++) {
		GElf_Sym symbol;

		elf_get_sym(w->image, offset + i * step, &symbol);
		if (!symbol_moves(w->image, &symbol, !strings) &&
		    !(strings && is_own_place(w->image, strings, &symbol)))
			continue;
		symbol.st_value += w->delta;
		elf_put_sym(w->image, offset + i * step, &symbol);
	}
	return 0;
}

/* The dynamic symbol table, as long as its section says where that is longer than what the hash
 * tables reach, and .symtab. */
static int move_symbol_tables(struct walk *w)
{
	uint64_t offset = w->dynamic.symtab.offset, count = w->dynamic.symbol_count;
	size_t step = elf_sym_size(w->image);

	for (size_t i = 1; i < w->image->shnum; i++) {
		const GElf_Shdr *s = &w->image->shdr[i];

		if (s->sh_type == SHT_DYNSYM && count && s->sh_offset == offset && s->sh_size / step > count)
			count = s->sh_size / step;
	}
	if (move_symbols(w, offset, count, NULL))
		return -1;
	for (size_t i = 1; i < w->image->shnum; i++) {
		const GElf_Shdr *s = &w->image->shdr[i];

		if (s->sh_type != SHT_SYMTAB)
			continue;
		if (s->sh_entsize != step || s->sh_link >= w->image->shnum)
			return refuse(w, SKIP_MALFORMED,
				      "the symbol table has entries of an unknown size, or no names");
		if (move_symbols(w, s->sh_offset, s->sh_size / step, &w->image->shdr[s->sh_link]))
			return -1;
	}
	return 0;
}

/* A relocation that asks for the address of a symbol.  One that no other object can define and that
 * this one does not define either stands for the load bias (glibc's RESOLVE_MAP), which
 * moving changes: no linker makes these. */
static int check_symbol(struct walk *w, size_t index)
{
	GElf_Sym symbol;

	if (index >= w->dynamic.symbol_count)
		return refuse(w, SKIP_MALFORMED, "a relocation names a symbol that does not exist");
	elf_get_sym(w->image, w->dynamic.symtab.offset + index * elf_sym_size(w->image), &symbol);
	if (symbol.st_shndx == SHN_UNDEF && symbol.st_value == 0 &&
	    (GELF_ST_BIND(symbol.st_info) == STB_LOCAL || GELF_ST_VISIBILITY(symbol.st_other) == STV_HIDDEN ||
	     GELF_ST_VISIBILITY(symbol.st_other) == STV_INTERNAL))
		return refuse(w, SKIP_RELOCATION, "a relocation by the load bias that is not RELATIVE");
	return 0;
}

/* RELATIVE with an addend.  On the way there remembers what the word held, on the way back restores
 * that. */
static int move_relative(struct walk *w, GElf_Rela *reloc, uint64_t target)
{
	uint64_t mask = w->image->is64 ? UINT64_MAX : UINT32_MAX;
	uint64_t old = (uint64_t)reloc->r_addend & mask;

	reloc->r_addend = (int64_t)((uint64_t)reloc->r_addend + w->delta);
	if (!w->rebase->fill)
		return 0;
	if (w->relative >= w->words->count)
		return refuse(w, SKIP_MALFORMED, "the undo record does not fit the relocations");
	if (w->back) {
		bool held = bits_get(w->words->held, w->relative);

		elf_put_word(w->image, target, held ? (uint64_t)reloc->r_addend : 0);
	} else {
		if (elf_get_word(w->image, target) == old)
			bits_set(w->words->held, w->relative);
		elf_put_word(w->image, target, (uint64_t)reloc->r_addend);
	}
	w->relative++;
	return 0;
}

/* Moves what RELOC names and, in RELOC, its addend; its place is the caller's. */
static int move_target(struct walk *w, GElf_Rela *reloc, bool rela)
{
	size_t word = elf_word_size(w->image), symbol = GELF_R_SYM(reloc->r_info);
	enum reloc_kind kind = w->arch->reloc_kind((uint32_t)GELF_R_TYPE(reloc->r_info));
	uint64_t target;

	switch (kind) {
	case RELOC_UNKNOWN: return refuse(w, SKIP_RELOCATION, "an unknown type of relocation");
	case RELOC_NONE:
	case RELOC_COPY: return 0;
	case RELOC_RELATIVE:
		if (claim_target(w, reloc->r_offset, word, &target))
			return -1;
		if (rela)
			return move_relative(w, reloc, target);
		move_word(w, target);
		return 0;
	case RELOC_IRELATIVE:
		if (claim_target(w, reloc->r_offset, word, &target))
			return -1;
		if (!rela) {
			move_word(w, target);
			return 0;
		}
		reloc->r_addend = (int64_t)((uint64_t)reloc->r_addend + w->delta);
		move_own_address(w, target);
		return 0;
	case RELOC_JUMP_SLOT:
		if (claim_target(w, reloc->r_offset, word, &target) || check_symbol(w, symbol))
			return -1;
		move_own_address(w, target);
		return 0;
	case RELOC_WORD:
	case RELOC_GLOB_DAT:
		return claim_target(w, reloc->r_offset, word, &target) || check_symbol(w, symbol) ? -1 : 0;
	case RELOC_OTHER:
		return claim_target(w, reloc->r_offset, 4, &target) || check_symbol(w, symbol) ? -1 : 0;
	case RELOC_TLS_MODULE:
	case RELOC_TLS_OFFSET:
	case RELOC_TLS_TP: return claim_target(w, reloc->r_offset, word, &target);
	case RELOC_TLSDESC: return claim_target(w, reloc->r_offset, 2 * word, &target);
	}
	return refuse(w, SKIP_RELOCATION, "an unknown kind of relocation");
}

static int move_relocs(struct walk *w, const struct table *table, bool rela)
{
	struct relocs relocs = relocs_at(w->image, table->offset, table->size, rela);
	GElf_Rela reloc;

	if (table->size == 0)
		return 0;
	if (rela != w->arch->rela)
		return refuse(w, SKIP_RELOCATION, "relocations in a form that ld.so does not read");
	if (table->size % relocs_step(&relocs))
		return refuse(w, SKIP_MALFORMED, "a relocation table ends inside a relocation");
	if (claim(w, table->offset, table->size))
		return -1;
	while (relocs_next(&relocs, &reloc)) {
		if (move_target(w, &reloc, rela))
			return -1;
		if (w->arch->reloc_kind((uint32_t)GELF_R_TYPE(reloc.r_info)) != RELOC_NONE ||
		    reloc.r_offset != 0)
			reloc.r_offset += w->delta;
		elf_put_rel(w->image, relocs.at, rela, &reloc);
	}
	return 0;
}

static size_t count_relative(const struct walk *w, const struct table *table)
{
	return relocs_of_type(relocs_at(w->image, table->offset, table->size, true), w->arch->r_relative);
}

/* DT_REL(A) and DT_JMPREL; some linkers make the one end in the other. */
static int move_reloc_tables(struct walk *w)
{
	const struct table *main = w->dynamic.rela.size ? &w->dynamic.rela : &w->dynamic.rel;
	struct table plt = w->dynamic.jmprel;

	if (w->dynamic.rela.size && w->dynamic.rel.size)
		return refuse(w, SKIP_RELOCATION, "relocations both with and without addends");
	if (plt.size && main->size && plt.offset >= main->offset &&
	    plt.offset + plt.size <= main->offset + main->size)
		plt.size = 0;
	if (w->arch->rela && w->rebase->fill && !w->back) {
		w->words->count = count_relative(w, main) + count_relative(w, &plt);
		w->words->held = bits_new(w->words->count);
	}
	if (move_relocs(w, main, main == &w->dynamic.rela) || move_relocs(w, &plt, w->dynamic.jmprel_is_rela))
		return -1;
	return 0;
}

static int move_relr_word(struct walk *w, GElf_Addr address)
{
	uint64_t target;

	if (claim_target(w, address, elf_word_size(w->image), &target))
		return -1;
	move_word(w, target);
	return 0;
}

/* The words that DT_RELR names, and those of its entries that are addresses. */
static int move_relr(struct walk *w)
{
	const struct table *table = &w->dynamic.relr;
	struct relr relr = dynamic_relr(&w->dynamic, w->image);
	GElf_Addr address;

	if (table->size % elf_word_size(w->image))
		return refuse(w, SKIP_MALFORMED, "the table of DT_RELR ends inside an entry");
	if (claim(w, table->offset, table->size))
		return -1;
	while (relr_next(&relr, &address)) {
		if (move_relr_word(w, address))
			return -1;
		if (relr.plain)
			move_word(w, relr.at);
	}
	if (relr.malformed)
		return refuse(w, SKIP_MALFORMED, "the table of DT_RELR starts with a bitmap");
	return 0;
}

/* What ld --emit-relocs leaves: relocations that nothing loads, by address. */
static int move_emitted_relocs(struct walk *w)
{
	for (size_t i = 1; i < w->image->shnum; i++) {
		const GElf_Shdr *s = &w->image->shdr[i];
		struct relocs relocs = relocs_at(w->image, s->sh_offset, s->sh_size, s->sh_type == SHT_RELA);
		GElf_Rela reloc;

		if ((!relocs.rela && s->sh_type != SHT_REL) || s->sh_flags & SHF_ALLOC || s->sh_info == 0 ||
		    s->sh_info >= w->image->shnum || !(w->image->shdr[s->sh_info].sh_flags & SHF_ALLOC))
			continue;
		if (claim(w, s->sh_offset, s->sh_size))
			return -1;
		while (relocs_next(&relocs, &reloc))
			move_word(w, relocs.at); /* r_offset */
	}
	return 0;
}

/* The word at ADDRESS, if it holds the address of the dynamic section and no relocation does it. */
static int move_got_word(struct walk *w, GElf_Addr address)
{
	size_t word = elf_word_size(w->image);
	uint64_t offset;

	if (!elf_image_offset(w->image, address, word, &offset) || bits_get(w->claimed, offset) ||
	    elf_get_word(w->image, offset) != w->dynamic.address)
		return 0;
	if (claim(w, offset, word))
		return -1;
	move_word(w, offset);
	return 0;
}

/* The psABIs reserve the first word of the global offset table for the address of the dynamic section.
 * Which of .got and .got.plt that is, and where DT_PLTGOT points, differs between machines. */
static int move_got(struct walk *w)
{
	if (w->dynamic.has[DT_PLTGOT] && move_got_word(w, w->dynamic.pltgot))
		return -1;
	for (size_t i = 1; i < w->image->shnum; i++) {
		const GElf_Shdr *s = &w->image->shdr[i];

		if (s->sh_type == SHT_PROGBITS && s->sh_flags & SHF_ALLOC && s->sh_flags & SHF_WRITE &&
		    strncmp(elf_image_section_name(w->image, i), ".got", 4) == 0 &&
		    move_got_word(w, s->sh_addr))
			return -1;
	}
	return 0;
}

static bool segment_moves(const GElf_Phdr *p)
{
	/* An empty PT_LOAD, which GNU ld leaves for a section that came to nothing, has to stay in order. */
	return p->p_type == PT_LOAD || (p->p_type != PT_NULL && p->p_type != PT_GNU_STACK && p->p_memsz != 0);
}

static int claim_headers(struct walk *w)
{
	const GElf_Ehdr *e = &w->image->ehdr;

	if (claim(w, 0, elf_ehdr_size(w->image)) ||
	    claim(w, e->e_phoff, w->image->phnum * elf_phdr_size(w->image)) ||
	    (w->image->shnum && claim(w, e->e_shoff, w->image->shnum * elf_shdr_size(w->image))))
		return -1;
	return 0;
}

static void move_headers(struct walk *w)
{
	struct elf_image *image = w->image;
	GElf_Ehdr ehdr = image->ehdr;

	for (size_t i = 0; i < image->phnum; i++) {
		GElf_Phdr *p = &image->phdr[i];

		if (!segment_moves(p))
			continue;
		if (p->p_paddr == p->p_vaddr)
			p->p_paddr += w->delta;
		p->p_vaddr += w->delta;
		elf_put_phdr(image, ehdr.e_phoff + i * elf_phdr_size(image), p);
	}
	for (size_t i = 1; i < image->shnum; i++) {
		GElf_Shdr *s = &image->shdr[i];

		if (!(s->sh_flags & SHF_ALLOC))
			continue;
		s->sh_addr += w->delta;
		elf_put_shdr(image, ehdr.e_shoff + i * elf_shdr_size(image), s);
	}
	if (ehdr.e_entry) {
		ehdr.e_entry += w->delta;
		elf_put_ehdr(image, &ehdr);
	}
}

/* The Linux Standard Base's .eh_frame_hdr: two pointers and a table, usually relative.  Absolute ones would
 * have to move, and no relocation says so. */
static int check_eh_frame_hdr(struct walk *w)
{
	const GElf_Phdr *p = elf_image_find_phdr(w->image, PT_GNU_EH_FRAME);

	if (!p || p->p_filesz < 4)
		return 0;
	const unsigned char *hdr = w->image->data + p->p_offset;
	enum { POINTER = 1, TABLE = 3, OMIT = 0xff, APPLICATION = 0x70, PCREL = 0x10, DATAREL = 0x30 };

	for (size_t i = POINTER; i <= TABLE; i += TABLE - POINTER)
		if (hdr[i] != OMIT && (hdr[i] & APPLICATION) != PCREL && (hdr[i] & APPLICATION) != DATAREL)
			return refuse(w, SKIP_RELOCATION, "absolute addresses in .eh_frame_hdr");
	return 0;
}

/* (Debugging information in a file of its own stays right: debuggers compare the sections' addresses.) */
static int check_debug_info(struct walk *w)
{
	return elf_has_debug_info(w->image) ? refuse(w, SKIP_DEBUG_INFO, "debugging information") : 0;
}

/* Address range of the object, and whether it still fits the address space where it goes. */
static int check_range(struct walk *w)
{
	uint64_t max = w->image->is64 ? (uint64_t)1 << 63 : (uint64_t)1 << 32;
	bool any = false;

	for (size_t i = 0; i < w->image->phnum; i++) {
		const GElf_Phdr *p = &w->image->phdr[i];

		if (p->p_type != PT_LOAD)
			continue;
		if (p->p_align > 1 && w->delta % p->p_align)
			return refuse(w, SKIP_MALFORMED, "its alignment does not fit its slot");
		if (!any)
			w->start = p->p_vaddr;
		w->end = p->p_vaddr + p->p_memsz;
		any = true;
	}
	if (!any)
		return refuse(w, SKIP_MALFORMED, "no segment to load");
	if (w->back) /* an executable that was given room in front reaches below 0 then */
		return 0;
	/* Modulo 2^64: an object that would start below 0 or end above MAX is out of range there. */
	if (w->end > max || w->start + w->delta >= max || w->end - w->start > max - (w->start + w->delta))
		return refuse(w, SKIP_LAYOUT_FULL, "its slot reaches beyond the address space");
	return 0;
}

static enum object_skip move(struct walk *w)
{
	if (dynamic_init(&w->dynamic, w->image)) {
		w->rebase->why = "no dynamic section that can be read";
		return SKIP_MALFORMED;
	}
	w->claimed = bits_new(w->image->size);
	if (!check_range(w) && !claim_headers(w) && !check_debug_info(w) && !check_eh_frame_hdr(w) &&
	    !move_dynamic(w) && !move_symbol_tables(w) && !move_reloc_tables(w) && !move_relr(w) &&
	    !move_emitted_relocs(w) && !move_got(w))
		move_headers(w);
	free(w->claimed);
	return w->skip;
}

enum object_skip rebase_image(struct elf_image *image, const struct arch *arch, struct rebase *rebase,
			      struct rebase_words *words)
{
	struct walk w = { .image = image,
			  .arch = arch,
			  .rebase = rebase,
			  .words = words,
			  .delta = (uint64_t)rebase->delta };

	*words = (struct rebase_words){ 0 };
	return move(&w);
}

enum object_skip rebase_back(struct elf_image *image, const struct arch *arch, struct rebase *rebase,
			     struct rebase_words *words)
{
	struct walk w = { .image = image,
			  .arch = arch,
			  .rebase = rebase,
			  .words = words,
			  .delta = -(uint64_t)rebase->delta,
			  .back = true };

	return move(&w);
}
