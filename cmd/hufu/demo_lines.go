package main

import (
	"fmt"
	"strings"

	"github.com/hufu-io/hufu/internal/sandbox"
)

// lines says where everything is, and what to paste into another terminal. Every line
// can be pasted at any time and leaves the prompt on a line of its own: the platforms'
// answers, and what is made like them, end without one.
func (d *demo) lines(url string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say := func(text string) { line("\n# %s", text) }
	auth := "-H 'Authorization: Bearer " + d.key.Reveal() + "'"
	token := url + "/v1/apps/" + demoClassic + "/tokens/access_token"
	read := "curl -s " + auth + " " + token
	kill := fmt.Sprintf(`curl -s -d '{"mode":"classic"}' %s/_sandbox/apps/%s/kill; echo`, d.platform.url, d.classic.ID)
	report := fmt.Sprintf(`curl -s %s -d '{"version":'$(%s | sed 's/.*"version":\([0-9]*\).*/\1/')'}' %s/renew`, auth, read, token)

	line("Hufu is at %s, and the simulated WeChat platform at %s.", url, d.platform.url)
	line("All data lie in %s, which is removed when the server stops (Ctrl-C).", d.cfg.DataDir)
	line("Paste these lines into another terminal:")
	say("Read a token with the native API.")
	line("%s", read)
	say("Read one as an SDK does whose base URL points here: the client key stands in for the app secret.")
	line("curl -s '%s/cgi-bin/token?grant_type=client_credential&appid=%s&secret=%s'; echo", url, d.classic.ID, d.key.Reveal())
	line(`curl -s -d '{"grant_type":"client_credential","appid":"%s","secret":"%s"}' %s/cgi-bin/stable_token; echo`, d.stable.ID, d.key.Reveal(), url)
	say("Call the platform through this server: the key is enough, and there is no token in sight.")
	line("curl -s %s %s/gateway/%s/cgi-bin/user/get; echo", auth, url, demoClassic)
	say("Call the platform itself, with the token: what a business server does without this one.")
	line(`curl -s "%s/cgi-bin/getcallbackip?access_token=$(%s | sed 's/.*"token":"\([^"]*\)".*/\1/')"; echo`, d.platform.url, read)
	say("Read a virtual token, as a client with handout: virtual gets it: it never changes, and is good for calls through this server only.")
	virtual := fmt.Sprintf("curl -s -H 'Authorization: Bearer %s' %s", d.virtualKey.Reveal(), token)
	line("%s", virtual)
	say("Call the platform with it, through this server, which puts the real one in its place.")
	line(`curl -s "%s/cgi-bin/getcallbackip?access_token=$(%s | sed 's/.*"token":"\([^"]*\)".*/\1/')"; echo`, url, virtual)
	say("Watch tokens change; it goes on until Ctrl-C. Do the next ones meanwhile, in a third terminal.")
	line("curl -sN %s '%s/v1/watch?app=%s&app=%s'", auth, url, demoClassic, demoStable)
	say("Let the platform kill the current token, as somebody else's refresh would.")
	line("%s", kill)
	say("Report the dead token: one new token is issued, however many callers report it.")
	line("%s", report)
	say("Let a user log in: open this in a browser, and choose who you are. The page that it ends on has a code.")
	authorize := fmt.Sprintf("%s/oauth/%s/authorize?scope=snsapi_userinfo&redirect_uri=%s", url, demoStable, d.landing())
	line("%s", authorize)
	say("Log in without a browser, as Alice; exchange the code as the business' server does.")
	users := url + "/v1/apps/" + demoStable + "/users"
	line(`jar=$(mktemp); page=$(curl -sL -c $jar -o /dev/null -w '%%{url_effective}' '%s'); `+
		`back=$(curl -sL -b $jar -d 'user=alice&answer=agree' -o /dev/null -w '%%{url_effective}' "$page"); `+
		`code=$(echo "$back" | sed 's/.*code=\([^&]*\).*/\1/'); rm $jar; `+
		`curl -s %s -d '{"code":"'$code'","redirect_uri":"%s"}' %s/exchange`, authorize, auth, d.landing(), users)
	say("What is kept of the users, and what one of them shows of herself: by her own token, which stays here.")
	line("curl -s %s %s", auth, users)
	line(`curl -s %s %s/%s/profile`, auth, users, sandbox.OpenID(d.stable.ID, "alice"))
	say("Now the platform fails: the next call for a token ends in a 502. Kill the token and report it: none is left, and the answer says why.")
	line(`curl -s -d '{"path":"/cgi-bin/token","kind":"status","status":502,"times":1}' %s/_sandbox/faults; echo`, d.platform.url)
	line("%s", kill)
	line("%s", report)
	say("The server knows what is missing, and tries again by itself: seconds later there is a new token.")
	line("curl -s %s/readyz", url)
	line("sleep 5; %s", read)
	say("See what the platform saw; the same as a page, with more ways to make it fail: " + d.platform.url + "/_sandbox/")
	line("curl -s %s/_sandbox/state; echo", d.platform.url)
	say("Look at the server's health and metrics.")
	line("curl -s %s/readyz", url)
	line("curl -s %s/metrics", url)
	say("List the apps with the operator command.")
	line("HUFU_ADDR=%s HUFU_KEY=$(cat %s) %s app ls", url, d.cfg.AdminKeyFile, programName())
	return b.String()
}
