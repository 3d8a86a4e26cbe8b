# The tests: each area is a directory with a local.mk of its own.
TESTS =
check_PROGRAMS =
TEST_EXTENSIONS = .py
PY_LOG_COMPILER = $(PYTHON)
AM_TESTS_ENVIRONMENT = \
	BUILD_DIR='$(abs_top_builddir)'; export BUILD_DIR; \
	SOURCE_DIR='$(abs_top_srcdir)'; export SOURCE_DIR; \
	PYTHONPATH='$(abs_top_srcdir)/tests/lib'; export PYTHONPATH; \
	PYTHONDONTWRITEBYTECODE=1; export PYTHONDONTWRITEBYTECODE;
EXTRA_DIST += $(TESTS) \
	tests/HACKING \
	tests/bench/notegen \
	tests/bench/plan.c \
	tests/bench/prelink \
	tests/bench/runtime \
	tests/bench/runtime.c \
	tests/bench/start \
	tests/demo \
	tests/install-packages \
	tests/lib/booted.py \
	tests/lib/build.sh \
	tests/lib/demo.py \
	tests/lib/elf.py \
	tests/lib/glibc_tests.py \
	tests/lib/graph.py \
	tests/lib/harness.py \
	tests/lib/image.c \
	tests/lib/kit.py \
	tests/lib/ldso_bindings.py \
	tests/lib/named_files.py \
	tests/lib/placements.py \
	tests/lib/process.py \
	tests/lib/rooted.py \
	tests/lib/shaped_elf.py \
	tests/lib/scratch_root.py \
	tests/lib/tree.py \
	tests/lib/whole_root.py \
	tests/mutants \
	tests/packages \
	tests/run

# A script; make would take runtime.c for its source.
tests/bench/runtime: ;

include tests/command/local.mk
include tests/notegen/local.mk
include tests/search/local.mk
include tests/cache/local.mk
include tests/layout/local.mk
include tests/machines/local.mk
include tests/rebase/local.mk
include tests/report/local.mk
include tests/root/local.mk
include tests/source/local.mk
include tests/advise/local.mk
include tests/bind/local.mk
include tests/plan/local.mk
include tests/rtld/local.mk
include tests/store/local.mk
include tests/manifests/local.mk
include tests/packaging/local.mk
include tests/fuzz/local.mk
include tests/glibc/local.mk
