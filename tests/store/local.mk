# Tests of this area; one line each.
TESTS += tests/store/again.py
TESTS += tests/store/answers.py
TESTS += tests/store/bindings.py
TESTS += tests/store/container.py
TESTS += tests/store/copied.py
TESTS += tests/store/costs.py
TESTS += tests/store/freeze.py
TESTS += tests/store/identity.py
TESTS += tests/store/prelink_run.py
TESTS += tests/store/print_env.py
TESTS += tests/store/programs.py
TESTS += tests/store/releases.py
TESTS += tests/store/status.py
TESTS += tests/store/upgraded.py
EXTRA_DIST += tests/store/prelink_run_tool.py tests/store/reader.py
