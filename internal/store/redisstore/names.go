package redisstore

import (
	"fmt"
	"hash/fnv"
)

// buckets is how many hashes a table is spread over. It cannot be changed: what is stored
// would be looked for elsewhere. A million records are 4000 in each, which Redis lists in
// less than a millisecond.
const buckets = 256

// names are those of all keys.
type names struct {
	records, leases, apps, clients, grants               table
	changes, audit, auditLast, settings, members, schema string
	// users and once are what the names of lists of users and of one-time values begin with.
	users, once string
}

// table is the names of the hashes that one table is spread over.
type table [buckets]string

func newNames(prefix string) names {
	// The braces make all keys one slot of a Cluster.
	name := func(s string) string { return "{" + prefix + "}:" + s }
	spread := func(s string) (t table) {
		for i := range t {
			t[i] = fmt.Sprintf("%s:%d", name(s), i)
		}
		return t
	}
	return names{
		records: spread("records"), leases: spread("leases"), apps: spread("apps"), clients: spread("clients"),
		grants: spread("grants"), users: name("users:"), once: name("once:"),
		changes: name("changes"), audit: name("audit"), auditLast: name("audit-last"),
		settings: name("settings"), members: name("members"), schema: name("schema"),
	}
}

// of is the hash that has the field.
func (t *table) of(field string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(field)) // never fails
	return t[h.Sum32()%buckets]
}
