package sqlstore

import (
	"fmt"
	"strings"
)

// queries are the statements of one dialect, built once.
type queries struct {
	getRecord, allRecords, insertRecord, updateRecord, deleteRecord, hasRecord string
	getLease, insertLease, takeLease, extendLease, releaseLease, endLeases     string
	appendAudit, queryAudit, pruneAudit                                        string
	getSetting, putSetting, addSetting                                         string
	now                                                                        string
	apps, clients                                                              definitionQueries
}

type definitionQueries struct {
	get, all, insert, update, delete, has string
}

func newQueries(d *dialect, c columns) *queries {
	q := &queries{
		deleteRecord: "DELETE FROM records WHERE key = ? AND version = ?",
		hasRecord:    "SELECT 1 FROM records WHERE key = ?",

		getLease: "SELECT holder, term, acquired, expiry, released FROM leases WHERE name = ?" + d.forUpdate,
		insertLease: "INSERT INTO leases (name, holder, term, acquired, expiry, released) VALUES (?, ?, ?, ?, ?, 0)" +
			d.ignoreDuplicate("name"),
		takeLease:    "UPDATE leases SET holder = ?, term = ?, acquired = ?, expiry = ?, released = 0 WHERE name = ?",
		extendLease:  "UPDATE leases SET expiry = ? WHERE name = ?",
		releaseLease: "UPDATE leases SET released = ? WHERE name = ?",
		endLeases:    "UPDATE leases SET expiry = ? WHERE released = 0 AND expiry > ?",

		appendAudit: "INSERT INTO audit (" + auditColumns + ") VALUES (" + marks(strings.Count(auditColumns, ",")+1) + ")",
		queryAudit:  "SELECT id, " + auditColumns + " FROM audit",
		// The inner table is named anew because MySQL does not delete from what it selects.
		pruneAudit: "DELETE FROM audit WHERE id IN (SELECT id FROM (SELECT id FROM audit WHERE at < ? ORDER BY at LIMIT ?) AS old)",

		getSetting: "SELECT value FROM settings WHERE name = ?",
		putSetting: "INSERT INTO settings (name, value) VALUES (?, ?)" + d.replaceDuplicate("name", "value"),
		addSetting: "INSERT INTO settings (name, value) VALUES (?, ?)" + d.ignoreDuplicate("name"),

		now:     "SELECT " + d.now,
		apps:    newDefinitionQueries(d, "apps"),
		clients: newDefinitionQueries(d, "clients"),
	}
	q.recordQueries(d, c)
	for _, s := range []*string{
		&q.getRecord, &q.allRecords, &q.insertRecord, &q.updateRecord, &q.deleteRecord, &q.hasRecord,
		&q.getLease, &q.insertLease, &q.takeLease, &q.extendLease, &q.releaseLease, &q.endLeases,
		&q.appendAudit, &q.pruneAudit, &q.getSetting, &q.putSetting, &q.addSetting,
	} {
		*s = d.bind(*s)
	}
	return q
}

func (q *queries) recordQueries(d *dialect, c columns) {
	names := c.names()
	columns := strings.Join(names, ", ")
	q.insertRecord = "INSERT INTO records (key, app, kind, subject, " + columns + ") VALUES (" +
		marks(4+len(names)) + ")" + d.ignoreDuplicate("key")
	q.updateRecord = "UPDATE records SET " + strings.Join(names, " = ?, ") + " = ? WHERE key = ? AND version = ?"

	// What reading a row costs is its number of columns. One column with all numbers
	// as text takes two fifths of the time off.
	numbers := make([]string, len(c.numbers))
	for i, n := range c.numbers {
		numbers[i] = n.name
	}
	q.allRecords = "SELECT key, concat_ws(',', " + strings.Join(numbers, ", ") + "), " +
		strings.Join(names[len(numbers):], ", ") + " FROM records"
	q.getRecord = q.allRecords + " WHERE key = ?"
}

func newDefinitionQueries(d *dialect, table string) definitionQueries {
	build := func(format string) string { return d.bind(fmt.Sprintf(format, table)) }
	return definitionQueries{
		get:    build("SELECT version, spec, sealed FROM %s WHERE name = ?"),
		all:    build("SELECT name, version, spec, sealed FROM %s ORDER BY name"),
		insert: build("INSERT INTO %s (version, spec, sealed, name) VALUES (?, ?, ?, ?)" + d.ignoreDuplicate("name")),
		update: build("UPDATE %s SET version = ?, spec = ?, sealed = ? WHERE name = ? AND version = ?"),
		delete: build("DELETE FROM %s WHERE name = ? AND version = ?"),
		has:    build("SELECT 1 FROM %s WHERE name = ?"),
	}
}

// marks lists n parameters.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }
