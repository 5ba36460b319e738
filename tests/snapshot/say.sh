# say.sh: what the scripts about snapshots share: how they report, and snaptool in the background. $name, $tool and $work are set.

bad=0
ok() { echo "ok - $name: $1"; }
not_ok() {
	bad=1
	echo "not ok - $name: $1"
	[ $# = 1 ] || printf '%s\n' "$2" | sed 's/^/    /'
}
# same WHAT GOT EXPECTED
same() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "$(printf 'got:\n%s\nnot:\n%s' "$2" "$3")"; fi; }
# has WHAT TEXT PATTERN: the text matches an extended regular expression. lacks: does not.
has() { if printf '%s\n' "$2" | grep -qE -- "$3"; then ok "$1"; else not_ok "$1" "$(printf 'no %s in:\n%s' "$3" "$2")"; fi; }
lacks() { if printf '%s\n' "$2" | grep -qE -- "$3"; then not_ok "$1" "$(printf '%s in:\n%s' "$3" "$2")"; else ok "$1"; fi; }

# hold ARGUMENT...: snaptool in the background, until it says "holding"; its number in $holder, what it says in $work/held.
# go_on: it does what comes behind "hold"; waits for its end; what it said is in $said. kill_it: with no chance to do anything.
hold() {
	rm -f "$work/held" "$work/wait"
	mkfifo "$work/wait"
	"$tool" "$@" <"$work/wait" >"$work/held" 2>&1 &
	holder=$!
	exec 9>"$work/wait"
	for _ in $(seq 1200); do
		grep -q holding "$work/held" && return
		sleep 0.05
	done
	not_ok "a snapshot is held" "$(cat "$work/held")"
}
go_on() {
	echo >&9
	exec 9>&-
	wait $holder
	holder=
	said=$(cat "$work/held")
}
kill_it() {
	kill -9 $holder
	wait $holder 2>/dev/null
	holder=
	exec 9>&-
}
