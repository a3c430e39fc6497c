package execlog

// The scripts need a POSIX shell and the programs cat, ln, mkdir, rm, sync, wc
// and xargs.

// durable makes a file's content, or a directory's names, durable. A sync that
// takes no operands syncs everything.
const durable = `set -u
durable() {
	sync "$1" 2>/dev/null && return
	if sync / 2>/dev/null; then
		echo "cannot sync $1" >&2
		exit 1
	fi
	sync
}
`

// appendScript appends standard input as a record. Arguments: the log's
// directory, that of the stream's records, the number, the length in bytes,
// the name of a temporary file. It prints "ok", or "conflict" and how many
// records there are. The compare-and-set is ln: a link is made whole or not at
// all, and never over another.
const appendScript = durable + `
umask 077
root=$1 dir=$2 seq=$3 len=$4 tmp=$2/$5
conflict() {
	n=0
	while [ -f "$dir/$((n + 1))" ]; do n=$((n + 1)); done
	echo "conflict $n"
	exit 0
}
if [ "$seq" -eq 0 ] || [ -f "$dir/$seq" ]; then conflict; fi
if [ "$seq" -gt 1 ] && [ ! -f "$dir/$((seq - 1))" ]; then conflict; fi
if [ "$seq" -eq 1 ]; then
	mkdir -p "$dir" || exit 1
	d=$dir
	while [ "$d" != "$root" ]; do
		d=${d%/*}
		durable "$d"
	done
	d=${root%/*}
	durable "${d:-/}"
fi
trap 'rm -f "$tmp"' EXIT
trap 'exit 1' HUP INT TERM
cat >"$tmp" || exit 1
if [ "$(wc -c <"$tmp")" -ne "$len" ]; then
	echo "standard input was cut short" >&2
	exit 1
fi
durable "$tmp"
if ! ln "$tmp" "$dir/$seq" 2>/dev/null; then
	if [ -f "$dir/$seq" ]; then conflict; fi
	ln "$tmp" "$dir/$seq" || exit 1
fi
durable "$dir"
echo ok
`

// readScript prints records, each with its line feed. Arguments: the directory
// of the stream's records, the first number. The last line is a zero byte,
// which no record has, and how many there were. It syncs first: whoever made
// the last record may have been killed before it was durable.
const readScript = durable + `
dir=$1 from=$2
n=$from
if [ -e "$dir" ]; then
	cd "$dir" || exit 1
	while [ -f "$n" ]; do n=$((n + 1)); done
fi
if [ "$n" -gt "$from" ]; then
	durable .
	i=$from
	while [ "$i" -lt "$n" ]; do
		echo "$i"
		i=$((i + 1))
	done | xargs -n 500 cat || exit 1
fi
printf '\000%d\n' "$((n - from))"
`
