package sqlstore

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/pressly/goose/v3"
)

// myNow is the time whatever the session's time zone is.
const myNow = "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6)) * 1000)"

func mysqlDialect() *dialect {
	return &dialect{
		name:        "mysql",
		goose:       goose.DialectMySQL,
		migrations:  "migrations/mysql",
		placeholder: questionMark,
		quote:       func(name string) string { return "`" + name + "`" },

		// INSERT IGNORE would also pass over what is no duplicate.
		ignoreDuplicate: func(string) string { return "" },
		duplicate:       func(err error) bool { return mysqlNumber(err) == 1062 },
		replaceDuplicate: func(_ string, changed ...string) string {
			set := make([]string, len(changed))
			for i, c := range changed {
				set[i] = c + " = VALUES(" + c + ")"
			}
			return " ON DUPLICATE KEY UPDATE " + strings.Join(set, ", ")
		},
		// With a list to select from it would look at every entry.
		pruneAudit: "DELETE FROM audit WHERE at < ? ORDER BY at LIMIT ?",
		now:        myNow,
		sweep:      "DELETE FROM one_time WHERE until <= " + myNow + " ORDER BY until LIMIT ?",
		limit:      "?",
		rows:       500,
		shared:     true,

		undone:   undoneMySQL,
		readOnly: readOnlyMySQL,
		explain:  explainMySQL,
		missing:  func(err error) bool { return mysqlNumber(err) == 1146 },
		lock: func(schema string) schemaLock {
			return schemaLock{
				lock:   fmt.Sprintf("SELECT GET_LOCK(?, %d)", int(lockPatience/time.Second)),
				unlock: "SELECT RELEASE_LOCK(?)",
				key:    "hufu_schema_" + hex.EncodeToString(digest(schema)), // one name for the whole server
			}
		},
	}
}

// openMySQL prepares connections to the server at a.
func openMySQL(a *address) (*engine, error) {
	cfg, err := mysqlConfig(a)
	if err != nil {
		return nil, err
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	// A change of the schema may take long, and so may another server's.
	cfg = cfg.Clone()
	cfg.ReadTimeout = 0
	migrator, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	return &engine{
		dialect:   mysqlDialect(),
		connector: connector,
		migrator:  migrator,
		check:     checkMySQL,
		primary:   "1 = 1",
	}, nil
}

func mysqlConfig(a *address) (*mysql.Config, error) {
	if len(a.hosts) > 1 {
		return nil, errors.New("the store's URL names several hosts, and a mysql:// URL takes one: " +
			"give a name or an address that follows the server that can be written")
	}
	cfg := mysql.NewConfig()
	cfg.User, cfg.DBName = a.user, a.database
	if !a.password.IsZero() {
		cfg.Passwd = a.password.Reveal()
	}
	cfg.Net, cfg.Addr = "unix", a.params["socket"]
	host := ""
	if len(a.hosts) > 0 {
		h := a.hosts[0]
		if h.port == "" {
			h.port = "3306"
		}
		host = h.host
		cfg.Net, cfg.Addr = "tcp", net.JoinHostPort(h.host, h.port)
	}
	if err := mysqlTLS(cfg, a, host); err != nil {
		return nil, err
	}
	cfg.Timeout = a.pool.connectTimeout
	cfg.DialFunc = dialer(a.pool.connectTimeout).DialContext
	// Calls end with their contexts. These are for what has none.
	cfg.ReadTimeout, cfg.WriteTimeout = 30*time.Second, 30*time.Second
	cfg.ClientFoundRows = true   // what is written as it was is written
	cfg.InterpolateParams = true // one round trip instead of three
	cfg.Logger = &mysql.NopLogger{}
	cfg.Params = map[string]string{
		"autocommit": "1", // an acknowledged write is a commit, whatever the server's default is
		"sql_mode":   "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
	}
	return cfg, nil
}

// mysqlTLS says how the connection is secured.
func mysqlTLS(cfg *mysql.Config, a *address, host string) error {
	mode, ca := a.params["tls"], a.params["tls_ca"]
	if ca != "" && mode == "" {
		mode = "true" // whoever names an authority wants it to be asked
	}
	if ca != "" && mode != "true" {
		return errors.New("the parameter tls_ca in the store's URL needs tls=true: otherwise no certificate is checked")
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	switch mode {
	case "", "preferred":
		if cfg.Net == "unix" {
			return nil
		}
		// Without a look at the certificate, as whoever could forge that could also do
		// without TLS.
		t.InsecureSkipVerify = true
		cfg.AllowFallbackToPlaintext = true
	case "true":
	case "skip-verify":
		t.InsecureSkipVerify = true
	case "false":
		return nil
	default:
		return errors.New("the parameter tls in the store's URL is not true, skip-verify, preferred or false")
	}
	if ca != "" {
		pem, err := os.ReadFile(ca) //nolint:gosec // G304: the path is the operator's
		if err != nil {
			return fmt.Errorf("read tls_ca: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("tls_ca: no certificate is in %s", ca)
		}
	}
	if cert, key := a.params["tls_cert"], a.params["tls_key"]; cert != "" || key != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return fmt.Errorf("read tls_cert and tls_key: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	cfg.TLS = t
	return nil
}

func checkMySQL(ctx context.Context, db *sql.DB) (f facts, err error) {
	var version string
	if err := db.QueryRowContext(ctx, "SELECT VERSION(), DATABASE()").Scan(&version, &f.schema); err != nil {
		return f, err
	}
	if f.server, err = suitableMySQL(version); err != nil {
		return f, err
	}
	// Not all kinds have all of these, so they are not asked for by name.
	rows, err := db.QueryContext(ctx, "SHOW GLOBAL VARIABLES WHERE Variable_name IN"+
		" ('read_only', 'innodb_read_only', 'innodb_flush_log_at_trx_commit', 'wsrep_on')")
	if err != nil {
		return f, err
	}
	defer func() { _ = rows.Close() }() // what went wrong, Err tells
	var readOnly []string
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return f, err
		}
		name, value = strings.ToLower(name), strings.ToUpper(value)
		on := value != "OFF" && value != "0" && !strings.HasPrefix(value, "NO")
		switch name {
		case "innodb_flush_log_at_trx_commit":
			if value != "1" {
				f.risks = append(f.risks, name+" = "+value)
			}
		case "wsrep_on":
			f.galera = on
		default:
			readOnly = append(readOnly, "@@global."+name+" = 0")
			if on {
				return f, errReadOnly
			}
		}
	}
	if len(readOnly) > 0 {
		f.primary = strings.Join(readOnly, " AND ")
	}
	return f, rows.Err()
}

// suitableMySQL names the kind and version of a server, or says why it does not do.
func suitableMySQL(version string) (string, error) {
	for _, kind := range []struct {
		name, mark string
		least      [3]int
	}{
		{"MariaDB", "-MariaDB", [3]int{10, 5, 0}},
		{"TiDB", "-TiDB-v", [3]int{6, 5, 0}},
		{"OceanBase", "-OceanBase", [3]int{0, 0, 0}},
		{"MySQL", "", [3]int{8, 0, 0}},
	} {
		before, after, found := strings.Cut(version, kind.mark)
		if !found {
			continue
		}
		v := strings.TrimPrefix(before, "5.5.5-") // which MariaDB says for old clients
		if kind.name == "TiDB" {
			v = after
		}
		if kind.name == "MySQL" {
			v = version
		}
		number, _, _ := strings.Cut(v, "-")
		if !atLeast(number, kind.least) {
			return "", fmt.Errorf("the server is %s %s: %d.%d or later is needed", kind.name, number, kind.least[0], kind.least[1])
		}
		return kind.name + " " + version, nil
	}
	return "", fmt.Errorf("the server says that its version is %q", version)
}

// mysqlNumber is the number of a database's error, 0 where it is none.
func mysqlNumber(err error) uint16 {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return e.Number
	}
	return 0
}

func undoneMySQL(err error) bool {
	switch mysqlNumber(err) {
	case 1205, 1213, // lock wait timeout, deadlock
		8002, 8022, 9007: // of TiDB: write conflicts
		return true
	}
	return false
}

func readOnlyMySQL(err error) bool {
	switch mysqlNumber(err) {
	case 1290, 1792, 1836:
		return true
	}
	return false
}

func explainMySQL(err error) error {
	if err == nil {
		return nil
	}
	if readOnlyMySQL(err) {
		return fmt.Errorf("%w: %w", errReadOnly, err)
	}
	switch mysqlNumber(err) {
	case 1044, 1045, 1698:
		return fmt.Errorf("the database does not let the user in, look at the user and the password in the store's URL, and at the user's grants: %w", err)
	case 1049:
		return fmt.Errorf("there is no such database, create it: %w", err)
	case 1040, 1203, 1226:
		return fmt.Errorf("the database has no connection left, raise its max_connections or lower max_open_conns in the store's URL: %w", err)
	case 1021, 1114, 3675:
		return fmt.Errorf("the database's disk is full: %w", err)
	case 1053:
		return fmt.Errorf("the database is stopping: %w", err)
	case 1142, 1143, 1227, 1370:
		return fmt.Errorf("the database's user lacks a right on hufu's tables, or the right to create them: %w", err)
	case 1146, 1054:
		return fmt.Errorf("the database's schema is not what this version of hufu made of it: %w", err)
	case 1153:
		return fmt.Errorf("the database's max_allowed_packet is too small: %w", err)
	case 0:
		return explainNetwork(err)
	}
	return err
}
