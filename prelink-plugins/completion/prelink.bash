# SPDX-License-Identifier: LGPL-2.1-or-later
# bash completion for prelink(8).
_prelink()
{
	local cur prev
	cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	# bash splits --option=value at the sign.
	[[ $cur == = ]] && cur=
	[[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD-2]}

	local -a options=(
		-a --all -u --undo -y --verify -p --print-cache -r --reloc-only -n --dry-run
		--with-plugins -m --conserve-memory -R --random --seed -f --force -q --quick --libs-only
		--layout-page-size -j --jobs -o --undo-output --md5 --sha --sha256
		--root -c --config-file -C --cache-file -N --no-update-cache -b --black-list
		-h --dereference -l --one-file-system --dynamic-linker --ld-library-path
		-v --verbose --json -? --help --usage -V --version
	)
	COMPREPLY=()
	case $prev in
	-r | --reloc-only | --seed | --layout-page-size | -j | --jobs)
		return ;;
	--root)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return ;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "${options[*]}" -- "$cur")
	else
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
}
complete -F _prelink prelink
