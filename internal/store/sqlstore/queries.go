package sqlstore

import (
	"fmt"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// queries are the statements of one dialect, built once.
type queries struct {
	d *dialect

	getRecord, allRecords, updateRecord, deleteRecord, hasRecord           string
	insertRecord, importRecord                                             rows
	getLease, insertLease, takeLease, extendLease, releaseLease, endLeases string
	giveBackLease, openLeases                                              string
	appendAudit                                                            rows
	queryAudit, pruneAudit                                                 string
	getSetting, putSetting, addSetting, allSettings, deleteSetting         string
	now                                                                    string
	apps, clients                                                          definitionQueries
	grants                                                                 grantQueries
	oneTime                                                                oneTimeQueries

	// Of shared databases only.
	markDefinition, changedRecords, knownRecords, changedDefinitions string
	someRecords                                                      manyKeys
	firstBeat, nextBeat, listMembers, deleteMember, deleteOldMembers string
}

type definitionQueries struct {
	get, all, update, delete, has string
	insert                        rows
}

// rows is an INSERT of any number of rows.
type rows struct {
	d                *dialect
	before, row, end string
	one              string // that of one row
}

func newRows(d *dialect, before, row, end string) rows {
	return rows{d, before, row, end, d.bind(before + row + end)}
}

func (r rows) of(n int) string {
	if n == 1 {
		return r.one
	}
	return r.d.bind(r.before + strings.TrimSuffix(strings.Repeat(r.row+", ", n), ", ") + r.end)
}

// manyKeys is a query for any number of keys.
type manyKeys struct {
	d      *dialect
	before string
}

func (m manyKeys) of(n int) string { return m.d.bind(m.before + marks(n) + ")") }

func newQueries(d *dialect, records columns[broker.Record], grants columns[broker.Grant]) *queries {
	q := &queries{
		d:          d,
		putSetting: "INSERT INTO settings (name, value) VALUES (?, ?)" + d.replaceDuplicate("name", "value"),
		addSetting: "INSERT INTO settings (name, value) VALUES (?, ?)" + d.ignoreDuplicate("name"),
		getSetting: "SELECT value FROM settings WHERE name = ?",

		allSettings:   "SELECT name, value FROM settings ORDER BY name",
		deleteSetting: "DELETE FROM settings WHERE name = ?",

		now:     "SELECT " + d.now,
		apps:    newDefinitionQueries(d, "apps"),
		clients: newDefinitionQueries(d, "clients"),
		grants:  newGrantQueries(d, grants),
		oneTime: newOneTimeQueries(d),
	}
	q.recordQueries(d, records)
	q.leaseQueries(d)
	q.auditQueries(d)
	if d.shared {
		q.sharedQueries(d)
	}
	for _, s := range []*string{
		&q.getRecord, &q.allRecords, &q.updateRecord, &q.deleteRecord, &q.hasRecord,
		&q.getLease, &q.insertLease, &q.takeLease, &q.extendLease, &q.releaseLease, &q.endLeases, &q.openLeases,
		&q.giveBackLease,
		&q.pruneAudit, &q.getSetting, &q.putSetting, &q.addSetting, &q.allSettings, &q.deleteSetting,
		&q.markDefinition, &q.changedRecords, &q.knownRecords, &q.changedDefinitions,
		&q.firstBeat, &q.nextBeat, &q.listMembers, &q.deleteMember, &q.deleteOldMembers,
	} {
		*s = d.bind(*s)
	}
	return q
}

func (q *queries) recordQueries(d *dialect, c columns[broker.Record]) {
	key, names := d.quote("key"), c.names()
	changed, changedNow, changedNever, set := "", "", "", ""
	if d.shared {
		changed, changedNow, changedNever, set = "changed, ", d.now+", ", "0, ", "changed = "+d.now+", "
	}
	insert := func(changed, when string) rows {
		return newRows(d,
			"INSERT INTO records ("+changed+key+", app, kind, subject, "+strings.Join(names, ", ")+") VALUES ",
			"("+when+marks(4+len(names))+")", d.ignoreDuplicate(key))
	}
	q.insertRecord = insert(changed, changedNow)
	// What is imported is no news: else the first watch would be told of all of it.
	q.importRecord = insert(changed, changedNever)
	where := " WHERE " + key + " = ?"
	q.updateRecord = "UPDATE records SET " + set + c.assigned() + where + " AND version = ?"
	q.deleteRecord = "DELETE FROM records" + where + " AND version = ?"
	q.hasRecord = "SELECT 1 FROM records" + where

	row := key + ", " + c.selected() + " FROM records"
	q.allRecords = "SELECT " + row
	q.getRecord = q.allRecords + where
	// The end is there because PostgreSQL takes a range for small, and so the index, where
	// it does not know better yet.
	q.changedRecords = "SELECT changed, " + row + " WHERE changed BETWEEN ? AND 9223372036854775807"
	q.knownRecords = "SELECT changed, " + key + ", version FROM records WHERE changed BETWEEN ? AND ?"
	q.someRecords = manyKeys{d, "SELECT changed, " + row + " WHERE " + key + " IN ("}
}

func (q *queries) leaseQueries(d *dialect) {
	now := d.now
	if now == "" {
		now = "0"
	}
	// One row, whether there is a lease or not, with the time at which that was so.
	q.getLease = "SELECT " + now + ", coalesce(l.holder, ''), coalesce(l.term, 0), coalesce(l.acquired, 0)," +
		" coalesce(l.expiry, 0), coalesce(l.released, 0)" +
		" FROM (SELECT 1 AS one) AS o LEFT JOIN leases AS l ON l.name = ?"
	q.insertLease = "INSERT INTO leases (name, holder, term, acquired, expiry, released) VALUES (?, ?, ?, ?, ?, 0)" +
		d.ignoreDuplicate("name")
	q.takeLease = "UPDATE leases SET holder = ?, term = ?, acquired = ?, expiry = ?, released = 0" +
		" WHERE name = ? AND term = ? AND expiry = ? AND released = ?"
	held := " WHERE name = ? AND term = ? AND holder = ? AND released = 0 AND expiry > " + d.clock()
	q.extendLease = "UPDATE leases SET expiry = " + d.clock() + " + ?" + held
	q.releaseLease = "UPDATE leases SET released = " + d.clock() + " + ?" + held
	q.giveBackLease = q.releaseLease + " AND expiry = ?"
	q.openLeases = "SELECT name, holder, term, acquired, expiry FROM leases WHERE released = 0 ORDER BY name"
	q.endLeases = "UPDATE leases SET expiry = ? WHERE released = 0 AND expiry > ?"
}

func (q *queries) auditQueries(d *dialect) {
	columns := strings.Join([]string{
		"at", "client", "action", "app", "kind", "target", "version", "remote", "request_id", "result", d.quote("count"),
	}, ", ")
	q.appendAudit = newRows(d, "INSERT INTO audit ("+columns+") VALUES ", "("+marks(strings.Count(columns, ",")+1)+")", "")
	q.queryAudit = "SELECT id, " + columns + " FROM audit"
	q.pruneAudit = d.pruneAudit
}

func (q *queries) sharedQueries(d *dialect) {
	q.markDefinition = "INSERT INTO definition_changes (sort, name, changed) VALUES (?, ?, " + d.now + ")" +
		d.replaceDuplicate("sort, name", "changed")
	q.changedDefinitions = "SELECT changed, sort, name FROM definition_changes WHERE changed >= ?"

	q.firstBeat = "INSERT INTO members (name, n, seen) VALUES (?, 1, " + d.now + ")" +
		d.replaceDuplicate("name", "n", "seen")
	q.nextBeat = "UPDATE members SET n = ?, seen = " + d.now + " WHERE name = ? AND n >= ?"
	q.listMembers = "SELECT name FROM members WHERE seen > " + d.now + " - ? OR name = ?"
	q.deleteMember = "DELETE FROM members WHERE name = ?"
	q.deleteOldMembers = "DELETE FROM members WHERE seen < " + d.now + " - ?"
}

func newDefinitionQueries(d *dialect, table string) definitionQueries {
	build := func(format string) string { return d.bind(fmt.Sprintf(format, table)) }
	return definitionQueries{
		get:    build("SELECT version, spec, sealed FROM %s WHERE name = ?"),
		all:    build("SELECT name, version, spec, sealed FROM %s ORDER BY name"),
		insert: newRows(d, "INSERT INTO "+table+" (version, spec, sealed, name) VALUES ", "("+marks(4)+")", d.ignoreDuplicate("name")),
		update: build("UPDATE %s SET version = ?, spec = ?, sealed = ? WHERE name = ? AND version = ?"),
		delete: build("DELETE FROM %s WHERE name = ? AND version = ?"),
		has:    build("SELECT 1 FROM %s WHERE name = ?"),
	}
}

// marks lists n parameters.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }
