#!/bin/sh
# Fuzzes every target of the repository for the time given, one after another.
# usage: fuzz.sh DURATION
set -eu

duration=$1
go=${GO:-go}

targets=$(grep -r --include='*_test.go' --exclude-dir=bin --exclude-dir=node_modules \
	--exclude-dir=.git --exclude-dir=testdata --exclude-dir='_*' \
	-o '^func Fuzz[A-Za-z0-9_]*' . | sort)
if [ -z "$targets" ]; then
	echo "fuzz: no target found; the scan looks for 'func Fuzz' in *_test.go" >&2
	exit 1
fi

# spurious reports whether a run has failed for nothing but that its time was up. Before Go 1.27
# go test may call that a failure of the target (https://go.dev/issue/75804). What is found is
# written to a file, and said.
spurious() {
	grep -q '^ *context deadline exceeded$' "$1" && ! grep -q 'Failing input written to' "$1"
}

out=$(mktemp)
trap 'rm -f "$out"' EXIT
count=0
failed=
# No target's name and no path holds a blank other than the one after "func".
while IFS= read -r line; do
	dir=$(dirname "${line%%:*}")
	name=${line##*func }
	count=$((count + 1))
	echo "--- $name in $dir, $duration"
	if "$go" test -run '^$' -fuzz "^$name\$" -fuzztime "$duration" "$dir" </dev/null >"$out" 2>&1; then
		cat "$out"
	elif cat "$out" && spurious "$out"; then
		echo "fuzz: its time was up, and nothing was found"
	else
		failed="$failed $dir:$name"
	fi
done <<END
$targets
END

if [ -n "$failed" ]; then
	echo "fuzz: failed:$failed (the inputs are in testdata/fuzz beside the tests)" >&2
	exit 1
fi
echo "fuzz: $count targets, $duration each, nothing found"
