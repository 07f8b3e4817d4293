#!/bin/sh
# Looks for known vulnerabilities that the code reaches.
# usage: vuln.sh GOVULNCHECK [DATABASE-URL]
#
# Exits 0 if there are none, 3 if there are some, 75 if the database cannot be reached
# (then nothing is known, which is neither), and otherwise with govulncheck's own code.
set -eu

govulncheck=$1
db=${2:-}

out=$(mktemp)
trap 'rm -f "$out"' EXIT

status=0
"$govulncheck" ${db:+-db "$db"} ./... >"$out" 2>&1 || status=$?
cat "$out"

# The database is asked before anything is said about the code, and these are the words
# for "it did not answer", of the usual database and of a mirror.
if [ "$status" -eq 1 ] && grep -Eq '^(govulncheck: )?(fetching vulnerabilities|creating client): ' "$out"; then
	cat <<-'END'
		vuln: NOT CHECKED: the vulnerability database cannot be reached from here.
		vuln: Nothing is known about vulnerabilities. Run it again with network access to
		vuln: https://vuln.go.dev, or name a mirror: make vuln VULNDB=file:///path/to/vulndb
	END
	exit 75
fi
exit "$status"
