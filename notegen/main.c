/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* notegen: writes into an ELF file which plugins it can load; see notegen(1). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "alloc.h"
#include "diag.h"
#include "mapfault.h"
#include "note.h"

static const struct command *const commands[] = {
	&add_command,     /* manifests -> notes */
	&show_command,    /* notes -> text, JSON */
	&remove_command,  /* takes notes out again */
	&check_command,   /* manifests -> what they match */
	&record_command,  /* a running program -> manifests */
	&suggest_command, /* a file -> a guessed manifest */
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

int command_status(void)
{
	if (fflush(stdout) == EOF)
		diag_errno(NULL, "writing to standard output");
	return diag_failed() ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* The list of commands, below the usage line of --help. */
static char *help(int key, const char *text, void *input)
{
	char *list = NULL;
	size_t size;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)(uintptr_t)text;
	FILE *out = open_memstream(&list, &size);
	if (!out)
		return NULL;
	fputs("Commands:\n", out);
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\n`notegen COMMAND --help' says more.  Exit status: 0 done, 1 something was refused or failed, "
	      "2 usage.",
	      out);
	fclose(out);
	return list;
}

struct call {
	const struct command *command;
	int argc;
	char **argv;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct call *call = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		call->command = find_command(argument);
		if (!call->command)
			argp_error(state, "there is no command \"%s\"", argument);
		/* The rest, the command's name included, is the command's to parse. */
		call->argc = state->argc - state->next + 1;
		call->argv = state->argv + state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_state_help(state, state->err_stream,
				(ARGP_HELP_STD_HELP & ~ARGP_HELP_EXIT_OK) | ARGP_HELP_EXIT_ERR);
		return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.parser = parse,
		.args_doc = "COMMAND [ARGUMENT...]",
		.doc = "Writes into ELF files which plugins they can load, for prelink.\v",
		.help_filter = help,
	};
	struct call call = { 0 };

	diag_tool = "notegen";
	mapfault_catch();
	argp_program_version = "notegen (" PACKAGE_NAME ") " PACKAGE_VERSION;
	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &call);
	if (!call.command) /* only options that have been dealt with */
		return EXIT_SUCCESS;
	call.argv[0] = xasprintf("notegen %s", call.command->name);
	int status = call.command->run(call.argc, call.argv);
	free(call.argv[0]);
	return status;
}
