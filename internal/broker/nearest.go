package broker

import (
	"slices"
	"strings"
)

// maxMeant is the length up to which a text is compared with names: none is as long, and app
// secrets are longer.
const maxMeant = 31

// Nearest finds the option that s was probably meant to be, "" if none is near.
func Nearest(s string, options []string) string {
	if len(s) > maxMeant {
		return ""
	}
	s = strings.ToLower(s)
	best, least := "", 1+min(2, len(s)/2)
	for _, o := range options {
		if len(s) > 2 && strings.HasPrefix(o, s) {
			return o
		}
		if n := distance(s, o); n < least {
			best, least = o, n
		}
	}
	return best
}

// NearestPlatform finds the platform that was probably meant: the nearest one, or the one that
// is called so elsewhere. These names are none here, so that an app has one platform however
// it was written down.
func NearestPlatform(name string, platforms []string) string {
	if near := Nearest(name, platforms); near != "" {
		return near
	}
	meant := ""
	switch strings.ToLower(name) {
	case "微信", "weixin", "公众号", "小程序", "微信公众号", "微信小程序":
		meant = "wechat"
	case "企业微信", "wework", "qywx", "qyweixin", "workwechat":
		meant = "wecom"
	case "飞书":
		meant = "feishu"
	case "钉钉", "dingding":
		meant = "dingtalk"
	case "抖音":
		meant = "douyin"
	case "小红书", "xhs":
		meant = "xiaohongshu"
	case "快手":
		meant = "kuaishou"
	case "百度":
		meant = "baidu"
	}
	if !slices.Contains(platforms, meant) {
		return ""
	}
	return meant
}

// distance counts the letters to insert, delete, replace or swap to get from a to b.
func distance(a, b string) int {
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
