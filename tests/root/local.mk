# Whole roots: real programs of the distribution, prelinked, started, killed half way, taken back.
TESTS += \
	tests/root/digests.py \
	tests/root/dirty_i386.py \
	tests/root/disk_full.py \
	tests/root/foretold.py \
	tests/root/guarded.py \
	tests/root/killed.py \
	tests/root/plugin_caches.py \
	tests/root/programs.py \
	tests/root/repeated.py \
	tests/root/replaced.py \
	tests/root/round_trip.py \
	tests/root/shortened.py \
	tests/root/unsafe.py
