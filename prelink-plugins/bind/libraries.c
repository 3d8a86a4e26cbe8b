/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bind, over all libraries; see libraries.h. */
#include "bind/libraries.h"

#include <pthread.h>
#include <stdlib.h>

#include "bind/fill.h"
#include "bind/loader.h"
#include "progress.h"
#include "threads.h"

/* What the threads of bind_libraries() share. */
struct binding_work {
	struct bind *bind;
	struct progress progress;
	struct object_list list;
	size_t next, done; /* under lock */
	pthread_mutex_t lock;
};

static void bind_some(void *argument)
{
	struct binding_work *work = argument;
	struct bind *bind = bind_share(work->bind);

	pthread_mutex_lock(&work->lock);
	while (work->next < work->list.count) {
		struct object *object = work->list.member[work->next++];

		pthread_mutex_unlock(&work->lock);
		if (bind_natural(bind, object))
			object->outcome = OUTCOME_FAILED;
		pthread_mutex_lock(&work->lock);
		progress_show(&work->progress, object->path, ++work->done);
	}
	pthread_mutex_unlock(&work->lock);
	bind_free(bind);
}

struct bind *bind_libraries(const struct root *root, const struct object_table *table, unsigned jobs)
{
	struct binding_work work = { .bind = bind_new(root),
				     .list = object_table_select(table, object_is_library_to_rewrite) };
	struct object_list loaders = object_table_select(table, object_is_loader_to_rewrite);

	pthread_mutex_init(&work.lock, NULL);
	progress_begin(&work.progress, "binding", work.list.count);
	threads_run(jobs, bind_some, &work);
	progress_end(&work.progress);
	pthread_mutex_destroy(&work.lock);
	for (size_t i = 0; i < loaders.count; i++)
		loader_check(work.bind, loaders.member[i]);
	bind_rest(work.bind, true);
	free(loaders.member);
	free(work.list.member);
	return work.bind;
}
