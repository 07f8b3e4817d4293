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

count=0
failed=
# No target's name and no path holds a blank other than the one after "func".
while IFS= read -r line; do
	dir=$(dirname "${line%%:*}")
	name=${line##*func }
	count=$((count + 1))
	echo "--- $name in $dir, $duration"
	"$go" test -run '^$' -fuzz "^$name\$" -fuzztime "$duration" "$dir" </dev/null || failed="$failed $dir:$name"
done <<END
$targets
END

if [ -n "$failed" ]; then
	echo "fuzz: failed:$failed (the inputs are in testdata/fuzz beside the tests)" >&2
	exit 1
fi
echo "fuzz: $count targets, $duration each, nothing found"
