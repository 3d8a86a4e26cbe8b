# What each application loads; notegen reads them from here (docs: manifests/README, plugin-manifest(5)).
manifestsdir = $(pkgdatadir)/manifests
dist_manifests_DATA = \
	manifests/perl.yaml \
	manifests/python.yaml \
	manifests/xine-lib.yaml
