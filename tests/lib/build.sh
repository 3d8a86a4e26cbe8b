# SPDX-License-Identifier: LGPL-2.1-or-later
# Sourced by tests/run and tests/demo: builds from nothing in a new directory outside of the source tree.
#
# Sets $top (the sources), $work (a new directory, removed by finish) and $build (in it, where make is to be
# run).  The caller defines failed(), which is called with the step that failed and does not return.
# environment: KEEP=1 keeps $work and says where it is; TMPDIR where to make it (default /tmp).
set -u
exec </dev/null
top=$(cd "$(dirname "$0")/.." && pwd) || exit 1
work=$(mktemp -d "${TMPDIR:-/tmp}/prelink-plugins.XXXXXX") || exit 1
build=$work/build
jobs=$(($(nproc 2>/dev/null || echo 2) + 1)) # tests also wait: for disks, and for one another

finish() {
	if [ -n "${KEEP:-}" ]; then echo "kept: $work"; else rm -rf "$work"; fi
}
trap 'finish; exit 130' HUP INT TERM

# step NAME COMMAND...: runs it quietly; where it fails, shows what it said.
step() {
	echo "$1"
	name=$1
	shift
	"$@" >"$work/log" 2>&1 && return
	cat "$work/log"
	failed "$name"
}

build_from_nothing() {
	"$top/tests/install-packages" ||
		echo "going on without; what needs the missing packages is skipped or fails below"
	# autogen.sh writes beside configure.ac; a source tree that we may not write to is copied first.
	if ! [ -w "$top" ]; then
		cp -R "$top" "$work/source" && chmod -R u+w "$work/source" || failed "copying the sources"
		top=$work/source
	fi
	mkdir "$build" && cd "$build" || failed "making $build"
	step "autogen.sh" "$top/autogen.sh"
	step "configure" "$top/configure" --enable-werror
	step "make -j$jobs" make -j"$jobs"
}
