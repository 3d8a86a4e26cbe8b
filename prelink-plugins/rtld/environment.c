/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is not to be disturbed; see environment.h.
 *
 * The module stands aside for whatever it does not know by name: a variable of ld.so's may ask to see each
 * binding, or to bind otherwise, or be one of a release to come. */
#include "environment.h"

#include <elf.h>
#include <stddef.h>

#include "text.h"

/* Variables of ld.so (ld.so(8), and _dl_process_envvars() of its releases) that change nothing of
 * what is bound to what, nor of who sees it.  The files that some of them choose are compared
 * with the plan, as any are. */
static const char harmless[][24] = {
	"LD_LIBRARY_PATH",   "LD_PRELOAD",       "LD_ORIGIN_PATH", "LD_DEBUG_OUTPUT", "LD_SHOW_AUXV",
	"LD_PROFILE_OUTPUT", "LD_USE_LOAD_BIAS", "LD_HWCAP_MASK",  "LD_RUN_PATH", /* the linker's */
};

/* What LD_DEBUG may print without ld.so having to bind each symbol itself (for `unused', all at start). */
static const char printed[][12] = { "libs", "files", "versions", "scopes", "statistics", "help" };

/* Tunables of ld.so's.  Those of the processor change what resolvers choose, which
 * are asked in each process. */
static const char tunables[][32] = {
	"glibc.rtld.nns",          "glibc.rtld.optional_static_tls",
	"glibc.rtld.dynamic_sort", "glibc.rtld.execstack",
	"glibc.cpu.hwcaps",        "glibc.cpu.hwcap_mask",
};

/* If TEXT starts with one of the words of LIST (COUNT words, of SIZE bytes each) and then one of ENDS or its
 * end, what follows the word; else NULL. */
static const char *after_word(const char *text, const char *list, size_t size, size_t count, const char *ends)
{
	for (size_t i = 0; i < count; i++) {
		const char *rest = after(text, list + i * size);
		for (const char *end = ends; rest && *end; end++)
			if (*rest == *end)
				return rest;
		if (rest && !*rest)
			return rest;
	}
	return NULL;
}

#define AFTER_WORD(text, list, ends) \
	after_word(text, *(list), sizeof *(list), sizeof(list) / sizeof *(list), ends)

/* True if all that LD_DEBUG asks for is in the list above. */
static bool only_printed(const char *value)
{
	while (*value) {
		const char *rest = AFTER_WORD(value, printed, " ,:");
		if (!rest)
			return false;
		for (value = rest; *value == ' ' || *value == ',' || *value == ':';)
			value++;
	}
	return true;
}

/* True if no tunable changes what ld.so does in a way that we do not know.  Those of other parts of glibc
 * (glibc.malloc and so on) cannot. */
static bool tunables_known(const char *value)
{
	while (*value) {
		if ((after(value, "glibc.rtld.") || after(value, "glibc.cpu.")) &&
		    !after(value, "glibc.cpu.x86_") && !AFTER_WORD(value, tunables, "="))
			return false;
		while (*value && *value != ':')
			value++;
		value += *value == ':';
	}
	return true;
}

/* True if the module named by LD_AUDIT, alone, is this one. */
static bool only_us(const char *modules)
{
	return !contains(modules, ":") && equal(last_component(modules), "prelink-rtld.so");
}

/* True if VARIABLE, NAME=VALUE, leaves the module its work. */
static bool harmless_variable(const char *variable)
{
	const char *value;

	if ((value = after(variable, "GLIBC_TUNABLES=")))
		return tunables_known(value);
	if (!after(variable, "LD_"))
		return true;
	if ((value = after(variable, "LD_DEBUG=")))
		return only_printed(value);
	if ((value = after(variable, "LD_AUDIT=")))
		return !*value || only_us(value);
	if ((value = after(variable, "LD_BIND_NOW=")) || (value = after(variable, "LD_PROFILE=")))
		return !*value;
	return AFTER_WORD(variable, harmless, "=");
}

/* Keeps the module from the program's children: in ENVIRON, the program's own, another variable takes the
 * place of LD_AUDIT, which ld.so has read.  None is taken out: behind the last one lies what the kernel
 * tells, and some programs look for it there. */
static void hide_module(const char **environ, const char *instead)
{
	for (; *environ; environ++)
		if (after(*environ, "LD_AUDIT="))
			*environ = instead;
}

/* Behind AT_NULL is a word that nobody looks at, and that no child gets.  Where LD_AUDIT and the
 * program's DT_AUDIT both name the module, it is there twice: the first instance leaves word for the
 * second, which stands aside. */
enum { HERE = 0x4b4c5250 };

void environment_read(struct environment *environment, const uintptr_t *stack_end, ElfW(Addr) loader)
{
	const uintptr_t *word = stack_end + 1;
	const char *only = NULL;
	bool preloaded = false;
	ElfW(Addr) base = 0;

	environment->arguments = (const char *const *)word;
	for (; *word; word++)
		;
	const char **first = (const char **)++word;
	for (; *word; word++) {
		const char *variable = (const char *)*word, *value = after(variable, "PRELINK_RTLD=");

		if (value)
			environment->verbose = equal(value, "verbose");
		else if (after(variable, "PRELINK_RTLD_ONLY="))
			only = variable;
		else if (after(variable, "PRELINK_STORE="))
			environment->store = after(variable, "PRELINK_STORE=");
		else if (after(variable, "PRELINK_LEARN="))
			environment->learn = after(variable, "PRELINK_LEARN=");
		else if (after(variable, "LD_LIBRARY_PATH="))
			environment->library_path = after(variable, "LD_LIBRARY_PATH=");
		else if (after(variable, "LD_PRELOAD=") && *after(variable, "LD_PRELOAD="))
			preloaded = true;
		if (value)
			environment->only_map = equal(value, "off");
		if (!harmless_variable(variable) || (value && equal(value, "off")))
			environment->off = variable;
	}
	if (preloaded) /* what is loaded once with something else is nothing to learn from */
		environment->learn = NULL;
	if (only)
		hide_module(first, only);
	/* At a set-id start ld.so takes variables out, and moves up those behind:
	 * more than one NULL is left. */
	while (!*word)
		word++;
	for (; word[0] != AT_NULL; word += 2)
		switch (word[0]) {
		case AT_SECURE:
			if (word[1]) {
				environment->off = "a set-id start";
				environment->only_map = false;
				environment->arguments = NULL;
			}
			break;
		case AT_SYSINFO_EHDR: environment->vdso = word[1]; break;
		case AT_PHDR: environment->phdr = word[1]; break;
		case AT_PAGESZ: /* a builtin would be a function of libgcc's with a table, on riscv64 */
			while (word[1] >> environment->page_shift > 1)
				environment->page_shift++;
			break;
		case AT_HWCAP: environment->hwcap[0] = word[1]; break;
		case AT_HWCAP2: environment->hwcap[1] = word[1]; break;
		case AT_EUID: environment->uid = word[1]; break;
		case AT_EXECFN: environment->name = (const char *)word[1]; break;
		case AT_BASE: base = word[1]; break;
		}
	if (word[1] == HERE) {
		environment->off = "another instance of it";
		environment->only_map = false;
		environment->learn = NULL;
	}
	((uintptr_t *)(uintptr_t)word)[1] = HERE;
	/* ld.so was run as a command, and its options say what a variable may: --audit
	 * another module, for one. */
	if (base != loader)
		environment->arguments = NULL;
	if (base != loader && !environment->off)
		environment->off = "ld.so as a command";
}
