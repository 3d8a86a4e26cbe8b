/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making the report; see report.h. */
#include "say/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "alloc.h"
#include "diag.h"
#include "json.h"
#include "outfile.h"
#include "plan/cost.h"
#include "say/members.h"

/* report.html, by the Makefile. */
extern const char report_page[];

static const char mark[] = "@DATA@";

/* What a start with OBJECTS libraries is spared, set in ITEM. */
static void add_spared(json_t *item, const struct spared *spared, size_t objects)
{
	json_object_set_new(item, "spared", json_integer((json_int_t)spared->relocations));
	json_object_set_new(item, "lookups", json_integer((json_int_t)spared->lookups));
	json_object_set_new(item, "pages", json_integer((json_int_t)spared->pages));
	json_object_set_new(item, "time",
			    json_integer(cost_of_start(spared->relative, spared->lookups, spared->pages,
						       objects)));
}

/* What the page says of one program's next start, set in ITEM. */
static void add_status(json_t *item, struct status_source *source, struct object *program)
{
	struct program_status status = program_status(source, program);
	char *why = NULL;

	if (status.why)
		why = xasprintf("%s%s%s", status.cause ? status.cause : "", status.cause ? " " : "",
				status.why);
	json_object_set_new(item, "next", json_string(status.state));
	json_object_set_new(item, "way", json_string(program_way_text(status.way)));
	json_object_set_new(item, "why", json_text(why));
	json_object_set_new(item, "reason", json_text(status.why));
	json_object_set_new(item, "known", json_integer((json_int_t)status.plugins));
	json_object_set_new(item, "planned", json_integer((json_int_t)status.planned));
	if (strcmp(status.state, "fast") == 0 || strcmp(status.state, "partly") == 0)
		add_spared(item, &status.spared, status.objects);
	free(why);
}

static json_t *index_json(const struct cache *c, uint32_t object)
{
	(void)c;
	return json_integer(object);
}

static json_t *plugins(struct members *members, const struct cache_object *program)
{
	const struct cache *c = members->cache;
	json_t *array = json_array();

	for (uint32_t i = 0; i < program->plugin.count; i++) {
		const struct cache_plugin *p = &c->plugin[program->plugin.first + i];

		if (!members_room(members, 8, cache_string(c, p->feature), cache_string(c, p->exclusive)))
			break;
		json_array_append_new(array,
				      json_pack("{si si so so so}", "object", (int)p->object, "host",
						(int)p->host, "feature",
						json_text_or_null(cache_string(c, p->feature)), "exclusive",
						json_text_or_null(cache_string(c, p->exclusive)), "adds",
						members_json(members, p->scope, program->scope, index_json)));
	}
	return array;
}

static json_t *object_json(struct members *members, const struct cache_object *o)
{
	const struct cache *c = members->cache;
	bool placed = o->end > o->start;

	return json_pack("{so so ss sb so so so sb si so so}", "path", json_text(cache_string(c, o->path)),
			 "machine", json_text(cache_string(c, o->machine)), "kind", object_kind_text(o->kind),
			 "slot", o->flags & CACHE_HAS_SLOT ? 1 : 0, "start",
			 placed ? json_address(o->start) : json_null(), "end",
			 placed ? json_address(o->end) : json_null(), "skip",
			 o->skip ? json_text(object_skip_text(o->skip)) : json_null(), "prelinked",
			 o->flags & CACHE_PRELINKED ? 1 : 0, "uses", (int)o->uses, "scope",
			 members_json(members, o->scope, (struct cache_list){ 0, 0 }, index_json), "plugins",
			 plugins(members, o));
}

/* The time now, or that of SOURCE_DATE_EPOCH, as text in TEXT of SIZE bytes. */
static const char *made_at(char *text, size_t size)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	time_t when = epoch && *epoch ? (time_t)strtoll(epoch, NULL, 10) : time(NULL);
	struct tm tm;

	if (!gmtime_r(&when, &tm) || !strftime(text, size, "%Y-%m-%d %H:%M UTC", &tm))
		*text = '\0';
	return text;
}

/* TEXT, which is JSON, without a `<`, that is with each, which only strings have, as an escape: so no name
 * in it begins a comment or an element, or ends the one that it stands in.  Malloc'ed; NULL where there is
 * no memory.  Frees TEXT. */
static char *without_tags(char *text)
{
	char *result = NULL;
	size_t size;
	FILE *out = text ? open_memstream(&result, &size) : NULL;

	for (const char *c = text; out && *c; c++)
		if (*c == '<')
			fputs("\\u003c", out);
		else
			putc_unlocked(*c, out);
	free(text);
	return out && fclose(out) == 0 ? result : NULL;
}

/* What the page shows, as text that can stand in a script element; malloc'ed. */
static char *page_data(const struct cache *cache, struct gather *gather, const struct store_file *store,
		       json_t *advice)
{
	const struct object_table *table = gather->table;
	size_t count = table->count; /* more are found when files are looked at */
	struct status_source source;
	struct utsname system;
	char when[32];
	struct members members;
	json_t *objects = json_array();

	members_begin(&members, cache);
	for (size_t i = 0; i < cache->object_count && members_object(&members, &cache->object[i]); i++)
		json_array_append_new(objects, object_json(&members, &cache->object[i]));
	members_end(&members);
	status_begin(&source, gather, store);
	source.counts = true;
	for (size_t i = 0; i < count; i++) {
		struct object *object = table->object[i];
		const struct cache_object *entry = cache_find(cache, object->path);

		if (entry && object_is_program(object))
			add_status(json_array_get(objects, (size_t)(entry - cache->object)), &source, object);
	}
	status_end(&source);

	json_t *document = json_pack("{so so so ss so so}", "root", json_text(gather->root->path), "host",
				     *gather->root->path || uname(&system) ? json_null() :
									     json_text(system.nodename),
				     "when", json_text(made_at(when, sizeof when)), "version",
				     PACKAGE_VERSION, "objects", objects, "advice", advice);
	char *text = without_tags(json_dumps(document, JSON_COMPACT));

	json_decref(document);
	return text;
}

int report_write(const struct cache *cache, struct gather *gather, const struct store_file *store,
		 json_t *advice, const char *path)
{
	const char *middle = strstr(report_page, mark);
	char *data = page_data(cache, gather, store, advice), *inside;
	struct root everywhere;
	struct outfile out;
	int result = -1;

	if (!data)
		return diag_error(path, "making the report: out of memory");
	if (root_open_tree(&everywhere, NULL) == 0) {
		inside = root_inside(&everywhere, path);
		if (outfile_begin(&out, &everywhere, inside, NULL) == 0) {
			if (outfile_write(&out, report_page, (size_t)(middle - report_page)) ||
			    outfile_write(&out, data, strlen(data)) ||
			    outfile_write(&out, middle + strlen(mark), strlen(middle + strlen(mark))))
				outfile_abandon(&out);
			else
				result = outfile_commit(&out);
		}
		free(inside);
		root_release(&everywhere);
	}
	free(data);
	return result;
}
