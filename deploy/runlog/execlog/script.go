package execlog

// The scripts need a POSIX shell and the programs cat, grep, ln, mkdir, rm,
// sync, wc and xargs.

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

// begin sets first to the number of the first record that counts. Where records
// were pruned it is the name of a file in the directory first, of several the
// highest: so two who prune at the same time cannot bring back what one of them
// has removed.
const begin = `
begin() {
	first=1
	for f in "$dir"/first/*; do
		n=${f##*/}
		case $n in '' | *[!0-9]*) continue ;; esac
		if [ "$n" -gt "$first" ]; then first=$n; fi
	done
}
`

// appendScript appends standard input as a record. Arguments: the log's
// directory, that of the stream's records, the number, the length in bytes,
// the name of a temporary file. It prints "ok", or "conflict" and how many
// records there are. The compare-and-set is ln: a link is made whole or not at
// all, and never over another. Whoever was held up so long that its number was
// pruned finds that out behind the ln, since the file that says so came before
// the removal.
const appendScript = durable + begin + `
umask 077
root=$1 dir=$2 seq=$3 len=$4 tmp=$2/$5
conflict() {
	n=$((first - 1))
	while [ -f "$dir/$((n + 1))" ]; do n=$((n + 1)); done
	echo "conflict $n"
	exit 0
}
begin
if [ "$seq" -lt "$first" ] || [ -f "$dir/$seq" ]; then conflict; fi
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
begin
if [ "$seq" -lt "$first" ]; then
	rm -f "$dir/$seq"
	conflict
fi
durable "$dir"
echo ok
`

// readScript prints a zero byte, which no record has, and the number of the
// first record that it sends; then each record behind its number and a colon;
// then a zero byte and how many there were, or "pruned" where some were removed
// meanwhile. Arguments: the directory of the stream's records, the first
// number. It syncs before: whoever made the last record may have been killed
// before it was durable.
const readScript = durable + begin + `
dir=$1 from=$2 failed=
begin
if [ "$from" -lt "$first" ]; then from=$first; fi
printf '\000%d\n' "$from"
n=$from
if [ -e "$dir" ]; then
	cd "$dir" || exit 1
	while [ -f "$n" ]; do n=$((n + 1)); done
fi
end=$n
if [ "$end" -gt "$from" ]; then
	durable .
	i=$from
	while [ "$i" -lt "$end" ]; do
		echo "$i"
		i=$((i + 1))
	done | xargs -n 500 grep '' /dev/null || failed=1
fi
begin
if [ "$from" -lt "$first" ]; then
	printf '\000pruned\n'
	exit 0
fi
if [ "$failed" ]; then exit 1; fi
printf '\000%d\n' "$((end - from))"
`

// pruneScript removes records. Arguments: the directory of the stream's
// records, the first number that stays. It prints "ok", or "absent" and how
// many records there are. That the number is the first one is durable before
// anything is removed.
const pruneScript = durable + begin + `
umask 077
dir=$1 before=$2
begin
if [ "$before" -gt "$first" ]; then
	if [ ! -f "$dir/$before" ]; then
		n=$((first - 1))
		while [ -f "$dir/$((n + 1))" ]; do n=$((n + 1)); done
		echo "absent $n"
		exit 0
	fi
	mkdir -p "$dir/first" || exit 1
	: >"$dir/first/$before" || exit 1
	begin
fi
if [ ! -e "$dir/first" ]; then
	echo ok
	exit 0
fi
durable "$dir/first" # also where an earlier prune was killed before it
durable "$dir"
cd "$dir" || exit 1
for f in [0-9]* first/*; do
	n=${f#first/}
	case $n in *[!0-9]*) continue ;; esac
	if [ "$n" -lt "$first" ]; then echo "$f"; fi
done | xargs -n 500 rm -f || exit 1
durable .
echo ok
`
