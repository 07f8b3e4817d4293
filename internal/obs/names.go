package obs

import "strings"

const redacted = "[secret]"

// nameSuffixes end the names of what is secret, in lower case and without
// punctuation: access_token, appSecret, X-Api-Key. Suffixes and not parts, because
// key_id, token_key, secret_file and token_version name no secrets.
var nameSuffixes = [...]string{
	"token", "secret", "ticket",
	"password", "passwd", "passphrase", "pwd",
	"authorization", "cookie", "credentials",
	"apikey", "accesskey", "secretkey", "privatekey", "sessionkey", "aeskey", "clientkey", "adminkey",
}

// maxName is how much of a name is looked at; its end decides.
const maxName = 64

// secretName reports whether a field, a parameter or an attribute of this name
// holds a secret.
func secretName(name string) bool {
	if len(name) > maxName {
		name = name[len(name)-maxName:]
	}
	var buf [maxName]byte
	n := 0
	for i := range len(name) {
		c := name[i]
		switch {
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		case (c < 'a' || c > 'z') && (c < '0' || c > '9'):
			continue
		}
		buf[n] = c
		n++
	}
	for _, s := range nameSuffixes {
		if n >= len(s) && string(buf[n-len(s):n]) == s {
			return true
		}
	}
	return false
}

// secretKey reports whether an attribute of this key holds a secret. A key alone
// is a client's key; a broker.Key belongs under token_key.
func secretKey(key string) bool {
	return strings.EqualFold(key, "key") || secretName(key)
}

// secretParameter reports whether a parameter in a URL holds a secret. Single-use
// codes are worth a session to whoever is faster, and some platforms call a
// secret key.
func secretParameter(name string) bool {
	switch strings.ToLower(name) {
	case "key", "code", "js_code":
		return true
	}
	return secretName(name)
}

// wholeLine reports whether the name is of a header whose value has blanks in it.
func wholeLine(name string) bool {
	name = strings.ToLower(name)
	return strings.HasSuffix(name, "authorization") || strings.HasSuffix(name, "cookie")
}
