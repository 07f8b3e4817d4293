package sqlstore

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// authority writes a certificate to a file.
func authority(t *testing.T) (file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Who names an authority wants certificates to be checked, by name and all.
func TestAnAuthorityThatIsNamedIsAsked_I6(t *testing.T) {
	t.Parallel()
	file := authority(t)
	for _, parameters := range []string{"tls_ca=" + file, "tls=true&tls_ca=" + file} {
		cfg, err := mysqlConfig(mustParse(t, "mysql://u:p@db.example.com/d?"+parameters))
		if err != nil {
			t.Errorf("%s: %v", parameters, err)
			continue
		}
		if cfg.TLS == nil || cfg.AllowFallbackToPlaintext {
			t.Errorf("%s: plaintext will do", parameters)
			continue
		}
		requireChecked(t, parameters, cfg.TLS)
	}
	for _, parameters := range []string{"sslrootcert=" + file, "sslmode=verify-full&sslrootcert=" + file} {
		cfg, err := postgresConfig(mustParse(t, "postgres://u:p@db.example.com/d?"+parameters))
		if err != nil {
			t.Errorf("%s: %v", parameters, err)
			continue
		}
		if cfg.TLSConfig == nil || len(cfg.Fallbacks) > 0 {
			t.Errorf("%s: plaintext will do", parameters)
			continue
		}
		requireChecked(t, parameters, cfg.TLSConfig)
	}
	for _, mode := range []string{"preferred", "skip-verify", "false"} {
		_, err := mysqlConfig(mustParse(t, "mysql://u:p@db.example.com/d?tls="+mode+"&tls_ca="+file))
		if err == nil || !strings.Contains(err.Error(), "needs tls=true") {
			t.Errorf("tls=%s with an authority: got error %v", mode, err)
		}
	}
}

func requireChecked(t *testing.T, what string, c *tls.Config) {
	t.Helper()
	if c.InsecureSkipVerify || c.ServerName != "db.example.com" || c.RootCAs == nil {
		t.Errorf("%s: certificates are not checked (%v), or not for the name %q, or by whom it likes", what, c.InsecureSkipVerify, c.ServerName)
	}
}

func mustParse(t *testing.T, url string) *address {
	t.Helper()
	a, err := parseAddress(broker.NewSecret(url))
	if err != nil {
		t.Fatal(err)
	}
	return a
}
