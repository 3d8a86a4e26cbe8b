# Tests of this area; one line each.
TESTS += \
	tests/command/conf.py \
	tests/command/devices.py \
	tests/command/drift.py \
	tests/command/lock.py \
	tests/command/manifests.py \
	tests/command/many.py \
	tests/command/not_root.py \
	tests/command/options.py \
	tests/command/others.py \
	tests/command/paths.py \
	tests/command/readme.py \
	tests/command/stripped.py \
	tests/command/undo_all.py \
	tests/command/undo_strangers.py \
	tests/command/words.py
