/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of findings, and lists of them; see finding.h. */
#include "advise/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"

static const struct finding_kind kinds[FINDINGS] = {
	[FINDING_COPY_SIZE] = { "copy-size",
				"build the program again with the library's present headers, as PIE",
				"A COPY relocation reserves room in the program for a library's variable, of the size that it had "
				"when the program was linked, and ld.so copies as much as both have. Where the library's has grown, "
				"its end is cut off, and the library writes over what lies behind the copy; where it has shrunk, "
				"the end of the copy is never filled in." },
	[FINDING_MISSING] = { "missing", "install the library, or link with -rpath to where it is",
			      "ld.so does not find a dependency of the program, or of a library of it: it does not start." },
	[FINDING_UNDEFINED] = { "undefined",
				"link it with what defines them; -Wl,-z,defs finds this when it is linked",
				"In every process that has the object nobody defines the symbol: the program does not start "
				"(BIND_NOW, data), or dies when the function is called." },
	[FINDING_VERSION] = { "version",
			      "build it again against the library that is there, or bring the one that it was built with",
			      "ld.so refuses to start a program, or to load a plugin, that needs a version which the library does "
			      "not have. Of a library without any versions it takes whatever has the name." },
	[FINDING_INTERPOSED] = { "interposed",
				 "rename or hide the symbol, or link without -Bsymbolic and -Bsymbolic-functions; against copies: build the program as PIE",
				 "The object uses its own definition (DT_SYMBOLIC, a protected symbol, or a call bound when it was linked), "
				 "everybody else in the process that of another object: what one side writes, the other does not see." },
	[FINDING_CLASH] = { "clash",
			    "hide it (-fvisibility=hidden, a version script), or give it a name of the object's own",
			    "Two objects of one process define the same variable, each with a size of its own, and one of them gets "
			    "the other's; or two plugins bring the same function, and a library that they share calls that of the "
			    "first." },
	[FINDING_TWO_VERSIONS] = { "two-versions", "build all that is in the process against one of them",
				   "Both are loaded, with all their data twice; where their symbols have no versions, calls for one may "
				   "arrive in the other." },
	[FINDING_FILTER] = { "filter", "install the filtee, or link without -F and -f",
			     "With DT_FILTER ld.so refuses to load the object without its filtee; with DT_AUXILIARY it goes on, after "
			     "a search at each start." },
	[FINDING_RPATH] = { "rpath",
			    "link with -Wl,-rpath,'$ORIGIN/...' or without -rpath; chrpath(1), patchelf(1) for what is built",
			    "An empty or relative part of RPATH, RUNPATH or of a dependency's name is taken from the directory in which "
			    "the program is started: whoever can write there decides what it runs." },
	[FINDING_WRITABLE] = { "writable", "take the directory from RPATH, or its permissions from others",
			       "Others can put their own library there, or could make the directory, and every user of the program "
			       "runs it." },
	[FINDING_TEXTREL] = { "textrel",
			      "compile the named file with -fPIC; in assembler, take addresses relative to the program counter",
			      "ld.so makes the code writable, changes it and copies each page of it, in every process; SELinux and some "
			      "kernels forbid it." },
	[FINDING_UNDERLINKED] = { "underlinked",
				  "link it with the library that has them (-Wl,-z,defs finds them)",
				  "Its own dependencies do not define what it uses, the program that loads it does, or another library of it: "
				  "it works in some programs only, and what it binds to is not known ahead of time." },
	[FINDING_UNUSED] = { "unused", "link with -Wl,--as-needed before the libraries, or leave them out",
			     "The library is searched, mapped and relocated at each start, and nothing of it is used by the object. "
			     "A program loads it for nothing where nobody else there uses it either. Where only plugins use it, "
			     "they are to be linked with it." },
	[FINDING_LAZY] = { "lazy", "load it when it is called, by dlopen, with a .note.dlopen that says so",
			   "The library is there at each start for the sake of a few calls: nobody else in those programs "
			   "needs it, or binds to it. What such a call is for is often not asked for." },
	[FINDING_EXPORTS] = { "exports",
			      "-fvisibility=hidden and a version script that lists what is meant for others",
			      "Nothing on this system binds to these symbols. Each makes the hash table longer, keeps the compiler from "
			      "inlining and optimising across it, and its own uses of it take a lookup. What dlsym() asks for is not "
			      "seen here." },
	[FINDING_SELF] = { "self-references",
			   "-fno-semantic-interposition and -Wl,-Bsymbolic-functions, or protected or hidden visibility",
			   "Looked up by name at each start, and found in the object itself: nobody interposes these symbols in any "
			   "process that was looked at." },
	[FINDING_COPIES] = { "copies", "build the program as PIE, or with -fPIE -mno-direct-extern-access",
			     "Each takes a lookup, a copy and room in the program, ties it to the size that the variable has today, "
			     "and keeps the library from using its own." },
	[FINDING_RELR] = { "relr", "link with -Wl,-z,pack-relative-relocs (binutils 2.38, glibc 2.36)",
			   "A relative relocation takes 24 bytes in DT_RELA, and a bit to 8 bytes in DT_RELR." },
	[FINDING_RELACOUNT] = { "relacount", "link with -Wl,-z,combreloc, as is usual",
				"Without DT_RELACOUNT (DT_RELCOUNT) ld.so looks at the type of each relocation, and at the symbols "
				"in no order, so that it looks up the same one again and again." },
	[FINDING_HASH] = { "hash", "link with -Wl,--hash-style=gnu, or both",
			   "In DT_HASH alone every lookup that passes by compares names; DT_GNU_HASH answers most with one look into "
			   "its filter." },
	[FINDING_ALIGN] = { "align", "link with -Wl,-z,max-page-size=4096 (65536 where pages are that large)",
			    "The object takes up addresses, and page tables, for alignment that no page size asks for." },
	[FINDING_STATIC_TLS] = { "static-tls",
				 "compile with -ftls-model=global-dynamic, or -mtls-dialect=gnu2; make the variables smaller",
				 "Initial-exec thread variables of what dlopen() loads have to fit into what is left of the static block: "
				 "about 1.6 KB for all plugins of a process, and then loading fails." },
	[FINDING_TABLES] = { "tables",
			     "store offsets or indices in place of pointers, or have a function return them",
			     "Each pointer in a table is a relocation in every process that loads the object." },
	[FINDING_SCATTERED] = { "scattered",
				"make what is never written const, so that it comes to lie in .data.rel.ro",
				"The words that ld.so writes lie scattered among other data, so that more pages are copied than they "
				"would fill." },
	[FINDING_LATE] = { "late", "link with -Wl,-z,now (and -z relro, as is usual)",
			   "Lazy binding spares the lookup of what is not called; for so few functions that is less than the copy of "
			   "the page that it writes at each start. Bound at once, they lie among what is read-only afterwards." },
	[FINDING_UNPLANNED] = { "unplanned", "see each reason",
				"prelink leaves these relocations to ld.so, in each process again." },
	[FINDING_STARTUP] = { "startup", "see which libraries they are for",
			      "What the program pays at each start, before main()." },
};

const struct finding_kind *finding_kind(enum finding_id id)
{
	return &kinds[id];
}

static int find_kind(const char *name, size_t length)
{
	for (int id = 0; id < FINDINGS; id++)
		if (strlen(kinds[id].name) == length && strncmp(kinds[id].name, name, length) == 0)
			return id;
	return -1;
}

bool findings_choose(struct findings *findings, const char *names, char **unknown)
{
	findings->some = names != NULL;
	for (int id = 0; !names && id < FINDINGS; id++)
		findings->chosen[id] = true;
	for (size_t length; names; names = names[length] ? names + length + 1 : NULL) {
		length = strcspn(names, ",");
		int id = find_kind(names, length);
		if (id < 0) {
			*unknown = xstrndup(names, length);
			return false;
		}
		findings->chosen[id] = true;
	}
	return true;
}

static char *format_text(const char *format, va_list arguments)
{
	char *text = NULL;

	if (vasprintf(&text, format, arguments) < 0)
		text = xstrdup("out of memory");
	return text;
}

struct finding *finding_add(struct findings *findings, enum finding_id id, const struct object *object,
			    const char *format, ...)
{
	struct finding *finding = xcalloc(1, sizeof *finding);
	va_list arguments;

	va_start(arguments, format);
	finding->what = format_text(format, arguments);
	va_end(arguments);
	finding->id = id;
	finding->object = object;
	ALLOC_NEXT(findings->item, findings->count);
	findings->item[findings->count++] = finding;
	return finding;
}

void finding_detail(struct finding *finding, const char *subject, const char *format, ...)
{
	va_list arguments;

	ALLOC_NEXT(finding->detail, finding->detail_count);
	struct detail *detail = &finding->detail[finding->detail_count++];
	va_start(arguments, format);
	detail->text = format_text(format, arguments);
	va_end(arguments);
	detail->subject = xstrdup(subject);
}

static int compare(const void *a, const void *b)
{
	const struct finding *left = *(struct finding *const *)a, *right = *(struct finding *const *)b;

	if (finding_is_wrong(left->id) != finding_is_wrong(right->id))
		return finding_is_wrong(left->id) ? -1 : 1;
	int order = strcmp(left->object->path, right->object->path);
	if (!order)
		order = (int)left->id - (int)right->id;
	return order ? order : strcmp(left->what, right->what);
}

void findings_sort(struct findings *findings)
{
	qsort(findings->item, findings->count, sizeof(struct finding *), compare);
}

void findings_release(struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		struct finding *finding = findings->item[i];
		for (size_t k = 0; k < finding->detail_count; k++) {
			free(finding->detail[k].subject);
			free(finding->detail[k].text);
		}
		free(finding->detail);
		free(finding->what);
		free(finding);
	}
	free(findings->item);
	*findings = (struct findings){ 0 };
}
