package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/silenceper/wechat/v2"
	"github.com/silenceper/wechat/v2/cache"
	miniconfig "github.com/silenceper/wechat/v2/miniprogram/config"
	"github.com/silenceper/wechat/v2/miniprogram/qrcode"
	"github.com/silenceper/wechat/v2/officialaccount/basic"
	"github.com/silenceper/wechat/v2/officialaccount/config"
	"github.com/silenceper/wechat/v2/officialaccount/material"
	"github.com/silenceper/wechat/v2/officialaccount/menu"
	"github.com/silenceper/wechat/v2/officialaccount/message"
	"github.com/silenceper/wechat/v2/officialaccount/user"
	"github.com/silenceper/wechat/v2/util"
)

// patience is how long a call may take before it counts as one that failed.
const patience = 30 * time.Second

// moveSilenceper points the SDK's base URL here, for the whole process: it has one for all.
// The QR codes of mini programs do not go by it, but by the SDK's HTTP client, which would
// wait for ever, too.
func moveSilenceper(base string) error {
	to, err := url.Parse(base)
	if err != nil {
		return fmt.Errorf("read the base URL: %w", err)
	}
	util.SetURIModifier(strings.NewReplacer("https://"+weChat, base, "https://"+weCom, base).Replace)
	util.DefaultHTTPClient = &http.Client{Transport: moved{to: to, next: http.DefaultTransport}, Timeout: patience}
	return nil
}

// counted is the SDK's cache in memory, and counts the tokens that were put into it.
type counted struct {
	*cache.Memory
	tokens map[string]int // by the key of the cache: official accounts and mini programs have one each
}

// Set implements [cache.Cache]. The SDK calls it for access tokens under a lock.
func (c *counted) Set(key string, value any, timeout time.Duration) error {
	if strings.Contains(key, "_access_token_") {
		c.tokens[key]++
	}
	return c.Memory.Set(key, value, timeout)
}

// silenceper returns what a business server does with silenceper/wechat. The SDK never makes
// a call again, and never drops a token that was rejected before its time.
func silenceper(appID, key, dir string) ([]call, *counted, error) {
	kept := &counted{Memory: cache.NewMemory(), tokens: map[string]int{}}
	oa := wechat.NewWechat().GetOfficialAccount(&config.Config{AppID: appID, AppSecret: key, Cache: kept})
	small, err := newFile(dir, 2_000)
	if err != nil {
		return nil, nil, err
	}
	large, err := newFile(dir, 900<<10)
	if err != nil {
		return nil, nil, err
	}
	list, err := oa.GetUser().ListUserOpenIDs()
	if err != nil {
		return nil, nil, fmt.Errorf("list users: %w", err)
	}
	openID := list.Data.OpenIDs[0]
	mini := wechat.NewWechat().GetMiniProgram(&miniconfig.Config{AppID: appID, AppSecret: key, Cache: kept})
	files := oa.GetMaterial()
	roundTrip := func(file string) func() error {
		return func() error {
			m, err := files.MediaUpload(material.MediaTypeImage, file)
			if err != nil {
				return fmt.Errorf("upload: %w", err)
			}
			// The SDK gives the address away without having moved it.
			address, err := files.GetMediaURL(m.MediaID)
			if err != nil {
				return fmt.Errorf("get the address: %w", err)
			}
			got, err := util.HTTPGet(address)
			if err != nil {
				return fmt.Errorf("download: %w", err)
			}
			if want, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
				return errors.New("what came back is not what was sent")
			}
			return nil
		}
	}
	return []call{
		{"send", func() error {
			return oa.GetCustomerMessageManager().Send(message.NewCustomerTextMessage(openID, "你好"))
		}},
		{"user", func() error {
			u, err := oa.GetUser().GetUserInfo(openID)
			if err == nil && u.OpenID != openID {
				err = errors.New("another user")
			}
			return err
		}},
		{"users", func() error {
			_, err := oa.GetUser().BatchGetUserInfo(user.BatchGetUserInfoParams{
				UserList: []user.BatchGetUserListItem{{OpenID: openID, Lang: "zh_CN"}},
			})
			return err
		}},
		{"small file", roundTrip(small)},
		{"menu", func() error {
			return oa.GetMenu().SetMenu([]*menu.Button{menu.NewClickButton("今日歌曲", "V1001_TODAY_MUSIC")})
		}},
		{"qrcode", func() error {
			_, err := oa.GetBasic().GetQRTicket(basic.NewTmpQrRequest(time.Minute, 1))
			return err
		}},
		{"large file", roundTrip(large)},
		{"mini code", func() error {
			_, err := mini.GetQRCode().GetWXACodeUnlimit(qrcode.QRCoder{Page: "pages/index", Scene: "a=1"})
			return err
		}},
		{"js config", func() error {
			_, err := oa.GetJs().GetConfig("https://example.com/")
			return err
		}},
	}, kept, nil
}

func newFile(dir string, size int) (string, error) {
	b := make([]byte, size)
	_, _ = rand.Read(b) // Never fails.
	f, err := os.CreateTemp(dir, "*.jpg")
	if err != nil {
		return "", fmt.Errorf("make a file: %w", err)
	}
	if _, err := f.Write(b); err != nil {
		return "", fmt.Errorf("write a file: %w", err)
	}
	if err := f.Close(); err != nil {
		return "", fmt.Errorf("write a file: %w", err)
	}
	return filepath.Clean(f.Name()), nil
}
