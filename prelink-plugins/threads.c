/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starting threads; see threads.h. */
#include "threads.h"

#include <pthread.h>
#include <stdlib.h>

#include "alloc.h"
#include "scratch.h"

struct call {
	void (*work)(void *argument);
	void *argument;
};

static void *start(void *argument)
{
	const struct call *call = argument;

	call->work(call->argument);
	scratch_release();
	return NULL;
}

void threads_run(unsigned count, void (*work)(void *argument), void *argument)
{
	struct call call = { work, argument };
	unsigned started = 0, more = count > 1 ? count - 1 : 0;
	pthread_t *thread = xcalloc(more, sizeof *thread);

	while (started < more && pthread_create(&thread[started], NULL, start, &call) == 0)
		started++; /* fewer than asked for will do */
	start(&call);
	while (started > 0)
		pthread_join(thread[--started], NULL);
	free(thread);
}
