package sandbox

import (
	"cmp"
	"hash/fnv"
)

// User is one of the made-up people who use the apps. All apps have the same ones, each
// under an open id of its own.
type User struct {
	// ID names the user in the sandbox, such as "alice".
	ID       string
	Nickname string
	Sex      int  // 1 male, 2 female, 0 not said
	Follows  bool // the official accounts
	// Snapshot says that this is nobody, but whom WeChat makes up for a page that is
	// looked at without a login.
	Snapshot bool

	country, province, city words
	color                   string // of the portrait; empty: the user has none
}

// Users are the people, in the order in which pages list them. Among them are one with a
// name that is not to be trusted, and one who is nobody.
func Users() []User {
	return []User{
		{
			ID: "alice", Nickname: "Alice", Sex: 2, Follows: true, color: "#a8261c",
			country: words{"United Kingdom", "英国"}, province: words{"England", "英格兰"}, city: words{"London", "伦敦"},
		},
		{
			ID: "xiaoming", Nickname: "小明", Sex: 1, Follows: true, color: "#1d6b3f",
			country: words{"China", "中国"}, province: words{"Guangdong", "广东"}, city: words{"Shenzhen", "深圳"},
		},
		{
			ID: "bob", Nickname: "Bob 🚲", Sex: 1, color: "#2b5c9e",
			country: words{"United States", "美国"}, province: words{"New York", "纽约"},
		},
		{
			ID: "xiaohong", Nickname: "小红", Sex: 2, color: "#8a5a00",
			country: words{"China", "中国"}, province: words{"Sichuan", "四川"}, city: words{"Chengdu", "成都"},
		},
		{ID: "mallory", Nickname: `<b>Mallory</b> "&'`, Follows: true},
		{ID: "snapshot", Nickname: "微信用户", Snapshot: true, color: "#6b6a62"},
	}
}

// defaultUser is who logs in where nobody is named.
const defaultUser = "alice"

// stranger stands for the user of an open id that a test has made up.
func stranger() User { return User{Nickname: "微信用户", Follows: true, color: "#6b6a62"} }

// portrait is where the picture is that the profile names. Like the platform's, its address
// ends in the size.
func (u User) portrait(base string) string {
	if u.color == "" {
		return ""
	}
	return base + portraitPath + cmp.Or(u.ID, "stranger") + "/132"
}

// OpenID is who a user is for an app, always the same. It also makes up one for a name
// that is none of the [Users].
func OpenID(appID, user string) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"
	h := fnv.New128a()
	_, _ = h.Write([]byte(appID + "\x00" + user))
	out := []byte("o")
	for i := range 27 {
		sum := h.Sum(nil)
		out = append(out, digits[sum[i%len(sum)]%64])
		_, _ = h.Write(sum)
	}
	return string(out)
}

// UnionID is who a user is for all apps of a company, see App.Company.
func UnionID(company, user string) string { return OpenID("union\x00"+company, user) }

// person returns whose open id it is.
func (a *wechatApp) person(openID string) User {
	if a.people == nil {
		a.people = make(map[string]User)
		for _, u := range Users() {
			a.people[OpenID(a.id, u.ID)] = u
		}
	}
	if u, ok := a.people[openID]; ok {
		return u
	}
	return stranger()
}

// unionID is who a user of the app is for all apps of its company. A user whom a test has
// made up is told apart by the open id.
func (a *wechatApp) unionID(openID string) string {
	return UnionID(a.company, cmp.Or(a.person(openID).ID, openID))
}

// followers are the users who follow the app.
func (a *wechatApp) followers() []string {
	var ids []string
	for _, u := range Users() {
		if u.Follows {
			ids = append(ids, OpenID(a.id, u.ID))
		}
	}
	return ids
}
