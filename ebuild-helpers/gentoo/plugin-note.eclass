# Copyright the prelink-plugins authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# @ECLASS: plugin-note.eclass
# @MAINTAINER:
# prelink-plugins
# @SUPPORTED_EAPIS: 7 8
# @BLURB: adds plugin notes to what a package installs
# @DESCRIPTION:
# Writes into programs and libraries of the image which plugins they can load, for prelink to read.  What they are
# say the manifests below /usr/share/prelink-plugins/manifests, those that the package installs there itself
# (doplugin-manifest), and PLUGIN_NOTE_MANIFESTS.  An ebuild that defines src_install itself ends it with
# plugin-note_add, or leaves it to the bashrc hook.

case ${EAPI} in
	7|8) ;;
	*) die "${ECLASS}: EAPI ${EAPI:-0} not supported" ;;
esac

if [[ -z ${_PLUGIN_NOTE_ECLASS} ]]; then
_PLUGIN_NOTE_ECLASS=1

BDEPEND="sys-devel/prelink-plugins"

# @ECLASS_VARIABLE: PLUGIN_NOTE_MANIFESTS
# @DEFAULT_UNSET
# @DESCRIPTION:
# Array of further manifests, as files.

# @FUNCTION: doplugin-manifest
# @USAGE: <file> [name]
# @DESCRIPTION:
# Installs a manifest, under the package's name where none is given.
doplugin-manifest() {
	[[ $# -ge 1 ]] || die "${FUNCNAME}: name a manifest"
	(
		insinto /usr/share/prelink-plugins/manifests
		newins "$1" "${2:-${PN}}.yaml"
	) || die
}

# @FUNCTION: plugin-note_add
# @DESCRIPTION:
# Adds the notes to the image; dies where that fails.
plugin-note_add() {
	local manifest args=()
	for manifest in "${PLUGIN_NOTE_MANIFESTS[@]}"; do
		args+=( --manifest "${manifest}" )
	done
	[[ ${#args[@]} -eq 0 ]] || args=( --manifest-dir "${BROOT}/usr/share/prelink-plugins/manifests" "${args[@]}" )
	add-plugin-note --strict "${args[@]}" "${ED:-${D}}" || die "adding plugin notes failed"
}

# @FUNCTION: plugin-note_src_install
# @DESCRIPTION:
# The default src_install, and the notes.
plugin-note_src_install() {
	default
	plugin-note_add
}

fi

EXPORT_FUNCTIONS src_install
