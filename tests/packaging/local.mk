# Tests of this area; one line each.
TESTS += \
	tests/packaging/add_plugin_note.py \
	tests/packaging/audit.py \
	tests/packaging/builds.py \
	tests/packaging/debian.py \
	tests/packaging/hostile_root.py \
	tests/packaging/initramfs.py \
	tests/packaging/interpreters.py \
	tests/packaging/interpreters_hostile.py \
	tests/packaging/keep_fresh.py \
	tests/packaging/manuals.py \
	tests/packaging/packagers.py \
	tests/packaging/plugins_kept.py \
	tests/packaging/prefix.py \
	tests/packaging/rpm.py \
	tests/packaging/settings.py \
	tests/packaging/unit.py \
	tests/packaging/upgrade.py \
	tests/packaging/upgraded.py \
	tests/packaging/walk.py
EXTRA_DIST += tests/packaging/machine.py tests/packaging/maintained.py
