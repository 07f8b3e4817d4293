package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/hufu-io/hufu/internal/servertest"
)

// sdkLife is how long the platform's tokens live in these tests.
const sdkLife = 40 * time.Second

// sdkToken has an SDK get a token from the platform and keep it in Redis, as it does.
func sdkToken(t *testing.T, sandbox, app string, redis rueidis.Client, key, form string) string {
	t.Helper()
	res, err := http.Get(sandbox + "/cgi-bin/token?grant_type=client_credential&appid=" + app + "&secret=" + secret)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var got struct {
		Token     string `json:"access_token"`
		ExpiresIn int64  `json:"expires_in"`
	}
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil || got.Token == "" {
		t.Fatal(got, err)
	}
	value := strings.NewReplacer("{token}", got.Token, "{length}", fmt.Sprint(len(got.Token))).Replace(form)
	if err := redis.Do(t.Context(), redis.B().Setex().Key(key).Seconds(got.ExpiresIn).Value(value).Build()).Error(); err != nil {
		t.Fatal(err)
	}
	return got.Token
}

// imports runs hufu import against a server, and returns what it prints and its exit code.
func imports(t *testing.T, server *process, env []string, args ...string) (said string, code int) {
	t.Helper()
	cmd := exec.Command(hufu(t), append([]string{"import"}, args...)...)
	cmd.Env = append(append(os.Environ(), "HUFU_ADDR="+server.url, "HUFU_KEY="+key), env...)
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(out), exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return string(out), 0
}

// A whole migration: three SDKs have their tokens in Redis, and their apps are in a
// spreadsheet. The server hands out the very same tokens, also after it was killed, and asks
// the platform for none before they are due (I1). Then it renews them as ever (I2), and
// neither secrets nor tokens are left anywhere that they should not be (I6).
func TestAMigrationFromSDKsCostsNoIssue(t *testing.T) {
	t.Parallel()
	const password = "redis-password-0123456789abcdef"
	server := servertest.StartRedis(t, servertest.RedisConfig{Password: password})
	option, err := rueidis.ParseURL(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	redis, err := rueidis.NewClient(option)
	if err != nil {
		t.Fatal(err)
	}
	defer redis.Close()
	sdks := map[string]struct{ app, key, form string }{
		"wxjava":     {"wxjava0000000001", "wx:access_token:wxjava0000000001", "{token}"},
		"silenceper": {"wxsilent00000001", "gowechat_officialaccount__access_token_wxsilent00000001", "{token}"},
		"easywechat": {"wxeasy0000000001", "easywechat:official_account.access_token.wxeasy0000000001." + secret + ".0", `s:{length}:"{token}";`},
	}
	args := []string{"sandbox", "--listen", "127.0.0.1:0", "--lifetime", sdkLife.String(), "--overlap", "8s"}
	for _, x := range sdks {
		args = append(args, "--app", x.app+"="+secret)
	}
	sandbox := start(t, t.TempDir(), args...)
	dir := t.TempDir()
	text := fmt.Sprintf("listen: 127.0.0.1:0\nlog: {level: debug}\nclients:\n  - {name: e2e, key: %s, apps: ['*'], allow: [read, renew, admin]}\n", key)
	if err := os.WriteFile(filepath.Join(dir, "hufu.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	hufu := start(t, dir, "serve")

	tokens, issued := map[string]string{}, map[string]int{}
	deadline := time.Now().Add(sdkLife / 3) // before the earliest renewal
	var said strings.Builder
	for name, x := range sdks {
		file := filepath.Join(dir, name+".csv")
		table := "\xef\xbb\xbfid,#备注,app_id,secret,mode,base_url,overlap,renew.every\r\n" +
			fmt.Sprintf("%s,老系统,%s,${OLD_SECRET},classic,%s,8s,20s\r\n", name, x.app, sandbox.url)
		if err := os.WriteFile(file, []byte(table), 0o600); err != nil {
			t.Fatal(err)
		}
		tokens[name] = sdkToken(t, sandbox.url, x.app, redis, x.key, x.form)
		issued[name] = sandbox.issues(t, x.app)
		env := []string{"OLD_SECRET=" + secret, "REDIS_PASSWORD=" + password}
		at := strings.Replace(server.URL, password, "${REDIS_PASSWORD}", 1)
		for _, want := range []struct{ args, says string }{
			{"--dry-run", "dry run, nothing was changed: 1 imported"},
			{"", "access_token imported (3"},
			{"", "1 unchanged, 0 failed"},
			{"--json", `"result":"unchanged"`},
		} {
			out, code := imports(t, hufu, env, append(strings.Fields(want.args), file, "--redis", at, "--from", name)...)
			said.WriteString(out)
			if code != 0 || !strings.Contains(out, want.says) {
				t.Errorf("%s %s: exit code %d\n%s", name, want.args, code, out)
			}
		}
	}
	check := func(when string) {
		t.Helper()
		for name, x := range sdks {
			status, tok, err := hufu.token(name)
			if err != nil || status != http.StatusOK || tok.Token != tokens[name] || tok.ExpiresIn <= 0 {
				t.Errorf("%s %s: %d, the same token: %v, for %d s, %v", name, when, status, tok.Token == tokens[name], tok.ExpiresIn, err)
			}
			if n := sandbox.issues(t, x.app) - issued[name]; n != 0 {
				t.Errorf("I1: %s %s: %d issues", name, when, n)
			}
		}
	}
	if time.Now().Before(deadline) {
		check("after the import")
		hufu.kill()
		hufu = start(t, dir, "serve")
		check("after a restart")
	} else {
		t.Log("the machine is too busy to look at the tokens before they are due")
	}
	for name := range sdks {
		waitFor(t, "the renewal of "+name, func() bool {
			status, tok, err := hufu.token(name)
			if err != nil || status != http.StatusOK || tok.Token == tokens[name] {
				return false
			}
			good, err := opens(sandbox.url, tok.Token)
			return good && err == nil
		})
	}
	everything := said.String() + hufu.stderr.String() + hufu.stdout.String()
	for _, hidden := range []string{secret, password, tokens["wxjava"], tokens["silenceper"], tokens["easywechat"]} {
		if strings.Contains(everything, hidden) {
			t.Errorf("I6: %q is printed", hidden)
		}
	}
}
