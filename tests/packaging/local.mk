# Tests of this area; one line each.
TESTS += \
	tests/packaging/add_plugin_note.py \
	tests/packaging/interpreters.py \
	tests/packaging/keep_fresh.py
