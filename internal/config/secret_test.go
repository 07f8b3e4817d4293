package config_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/config"
)

func TestASecretsFileIsReadWithoutAMarkBeforeItAndOneNewlineAtItsEnd(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		shopSecret: true, shopSecret + "\n": true, shopSecret + "\r\n": true,
		"\ufeff" + shopSecret + "\r\n": true, "\ufeff": false, "\ufeff\ufeff" + shopSecret: false, shopSecret + "\u200b": false,
		shopSecret + "\n\n": false, shopSecret + "\r": false, "\n" + shopSecret: false, shopSecret + " ": false,
		shopSecret + "\n" + newsSecret: false, "": false, "\n": false, "\xff" + shopSecret: false,
		strings.Repeat("a", 4096): true, strings.Repeat("a", 4097): false,
	} {
		path := put(t, t.TempDir(), "secret", text, 0o600)
		c, err := load(t, "apps:\n  - {platform: wechat, app_id: wx1, secret_file: "+path+"}\n", options())
		switch {
		case ok && err != nil:
			t.Errorf("%.50q: %v", text, err)
		case ok && c.Apps[0].Secrets[0].Reveal() != strings.Trim(text, "\ufeff\r\n"):
			t.Errorf("%.50q: the secret differs", text)
		case !ok && err == nil:
			t.Errorf("%.50q is taken for a secret", text)
		}
	}
}

func TestFaultsOfSecretFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "open", shopSecret, 0o644)
	put(t, dir, "group", newsSecret, 0o640)
	put(t, dir, "writable", ordersKey, 0o620)
	put(t, dir, "empty", "\n", 0o600)
	put(t, dir, "two", shopSecret+"\n"+newsSecret+"\n", 0o600)
	put(t, dir, "long", strings.Repeat("a", 5000), 0o600)
	put(t, dir, "quoted", "“"+shopSecret+"”\n", 0o600)
	put(t, dir, "utf16", "\xff\xfe5\x00e\x00", 0o600)
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := put(t, dir, "hufu.yaml", `apps:
  - {platform: wechat, app_id: wx1, secret_file: [open, ./group]}
  - platform: wechat
    app_id: wx2
    secret_file:
      - nothing-here
      - /nothing/here/either/and/that/is/a/long/path
      - /run/nothing-here-and-that-is-a-long-name
      - .
      - pipe
      - long
      - quoted
      - utf16
clients:
  - {name: a, key_file: writable, apps: ["*"]}
  - {name: b, key_file: empty, apps: ["*"]}
  - {name: c, key_file: two, apps: ["*"]}
  - {name: d, key_file: "${SECRET}", apps: ["*"]}
`, 0o644)
	_, err := config.Load(path, options())
	want := strings.TrimSpace(`
2: apps[0].secret_file[0]: unsafe permissions 0644: others can open "open"; run chmod 600 on it
2: apps[0].secret_file[1]: unsafe permissions 0640: others can open "./group"; run chmod 600 on it
6: apps[1].secret_file[0]: "nothing-here" cannot be read: no such file or directory
7: apps[1].secret_file[1]: "/nothing/here/either/and/that/is/a/long/path" cannot be read: no such file or directory
8: apps[1].secret_file[2]: the file cannot be read: no such file or directory
9: apps[1].secret_file[3]: "." cannot be read: it is not a regular file
10: apps[1].secret_file[4]: "pipe" cannot be read: it is not a regular file
11: apps[1].secret_file[5]: "long" cannot be read: it is too long, at most 4096 bytes are read
12: apps[1].secret_file[6]: "quoted" begins or ends with a full-width quote (“), which is part of no secret; remove it
13: apps[1].secret_file[7]: "utf16" is not UTF-8; save it as that
15: clients[0].key_file: unsafe permissions 0620: others can open "writable"; run chmod 600 on it
16: clients[1].key_file: "empty" is empty; put the secret into it
17: clients[2].key_file: "two" contains white space or a control character; put one secret into it and nothing else
18: clients[3].key_file: "${SECRET}" cannot be read: no such file or directory`)
	if diff := cmp.Diff(want, faultLines(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if errors.Is(err, fs.ErrNotExist) {
		t.Error("a secret's file that is missing is taken for a missing configuration")
	}
}

func TestASecretWrittenIntoTheFileNeedsAFileThatOnlyItsOwnerCanOpen(t *testing.T) {
	t.Parallel()
	const (
		fromEnv = "apps:\n  - platform: wechat\n    app_id: wx1\n    secret: ${SECRET}\n"
		literal = "apps:\n  - platform: wechat\n    app_id: wx1\n    secret: [\"${SECRET}\", \"" + newsSecret + "\"]\n"
		mixed   = "clients:\n  - name: a\n    key: prefix-${KEY}\n    apps: [a]\n"
		move    = ": this secret is written into a file that others can open; run chmod 600 on it, " +
			"or move the secret to the environment or to a file of its own"
	)
	for _, c := range []struct {
		name, text string
		mode       fs.FileMode
		want       string
	}{
		{"from the environment, readable", fromEnv, 0o644, ""},
		{"from the environment, writable by the group", fromEnv, 0o664, ""},
		{"from the environment, writable by all", fromEnv, 0o666, " unsafe permissions 0666: everybody can change it; run chmod o-w on it"},
		{"written out, private", literal, 0o600, ""},
		{"written out, read-only", literal, 0o400, ""},
		{"written out, readable by the group", literal, 0o640, "4: apps[0].secret[1]: unsafe permissions 0640" + move},
		{"written out, readable by others", literal, 0o604, "4: apps[0].secret[1]: unsafe permissions 0604" + move},
		{"partly written out", mixed, 0o644, "3: clients[0].key: unsafe permissions 0644" + move},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := config.Load(put(t, t.TempDir(), "hufu.yaml", c.text, c.mode), options())
			got := ""
			if err != nil {
				got = faultLines(t, err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAConfigurationThatCannotBeReadIsOneFault(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "long", strings.Repeat("#", 1<<20+1), 0o600)
	for name, want := range map[string]string{
		"nothing": " cannot be read: no such file or directory",
		".":       " cannot be read: it is not a regular file",
		"pipe":    " cannot be read: it is not a regular file",
		"long":    " cannot be read: it is too long, at most 1048576 bytes are read",
	} {
		_, err := config.Load(filepath.Join(dir, name), config.Options{})
		if diff := cmp.Diff(want, faultLines(t, err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if missing := errors.Is(err, fs.ErrNotExist); missing != (name == "nothing") {
			t.Errorf("%s: fs.ErrNotExist is %t", name, missing)
		}
	}
	if os.Geteuid() != 0 { // To root every file is readable.
		_, err := config.Load(put(t, dir, "closed", "", 0), config.Options{})
		if diff := cmp.Diff(" cannot be read: permission denied", faultLines(t, err)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// People put secrets where they do not belong. I6: no message repeats them.
func TestMisplacedSecretsAreNotRepeatedI6(t *testing.T) {
	t.Parallel()
	const s = shopSecret
	for _, text := range []string{
		s + "\n", s + ": a\n", "'" + s + "'\n", "*" + s + "\n", "listen: *" + s + "\n", "listen: &" + s + " a\n", "listen: !" + s + "!a b\n",
		"listen: " + s + "\n", "store: " + s + "://h\n", "store: " + s + "\n", "metrics: " + s + "\n",
		"log: {level: " + s + ", format: " + s + "}\n", "limits: {max_body_bytes: " + s + "}\n", "audit: {keep: " + s + "}\n",
		app("secret:" + s), app("secret=" + s), app("secret : " + s), app("mode: " + s), app("id: A" + s), app("overlap: " + s),
		app("base_url: https://u:" + s + "@h"), app("base_url: https://h/?secret=" + s), app("base_url: \"https://" + s + "%zz\""),
		app("base_url: " + s), app("sinks: [{type: " + s + ", path: a, kind: " + s + "-}]"), app("secret_file: /" + s), app("sinks: [" + s + "]"), app("renew: " + s),
		"apps:\n  - {platform: wechat, app_id: wx1, secret:" + s + "}\n",
		"apps:\n  - {platform: wechat, app_id: wx1, secret: {" + s + ": a}}\n",
		"apps:\n  - {platform: wechat, app_id: wx1, secret: \"" + s + " \"}\n",
		"apps:\n  - {platform: wechat, app_id: wx1, secret: \"$" + s + "\"}\n",
		"apps:\n  - {platform: wechat, app_id: wx1, secret: \"${" + s + "}\"}\n",
		"apps:\n  - {platform: wechat, app_id: wx1, secret: \"${a" + s + "}\"}\n",
		"apps:\n  - {platform: wechat, app_id: wx1, secret_file: " + s + "}\n",
		"apps:\n  - {platform: " + s + ", app_id: \"" + s + " a\", secret: [" + s + ", " + s + "]}\n",
		client("key: " + s[:31]), client("key: \"" + s + "é\""), client("key_file: " + s), client("key: ${KEY}\nsdk: " + s),
		client("key: ${KEY}\nallow: [" + s + "]"), client("key: ${KEY}\nhandout: " + s),
		"clients:\n  - {name: \"" + s + " a\", key: \"${KEY}\", apps: [\"" + s + ".\"]}\n",
	} {
		_, err := load(t, text, options())
		if err == nil {
			t.Errorf("no fault in:\n%s", text)
			continue
		}
		if strings.Contains(err.Error(), s[:31]) {
			t.Errorf("the secret of\n%sis repeated in\n%v", text, err)
		}
	}
}
