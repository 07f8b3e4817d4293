package sandbox_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/sandbox"
)

// upload is a form with one file, the way SDKs send it.
type upload struct {
	field, name, contentType string
	content                  io.Reader
	fields                   map[string]string // after the file
}

func picture(content string) upload {
	return upload{field: "media", name: "a.png", contentType: "image/png", content: strings.NewReader(content)}
}

// open writes the form while it is read, so that its size does not matter.
func (u upload) open() (contentType string, body io.ReadCloser) {
	r, w := io.Pipe()
	form := multipart.NewWriter(w)
	go func() {
		header := textproto.MIMEHeader{"Content-Disposition": {multipart.FileContentDisposition(u.field, u.name)}}
		if u.contentType != "" {
			header.Set("Content-Type", u.contentType)
		}
		part, err := form.CreatePart(header)
		if err == nil {
			_, err = io.Copy(part, u.content)
		}
		for k, v := range u.fields {
			err = errors.Join(err, form.WriteField(k, v))
		}
		if err == nil {
			err = form.Close()
		}
		_ = w.CloseWithError(err)
	}()
	return form.FormDataContentType(), r
}

// mediaReply is every field of every answer about media.
type mediaReply struct {
	Type      string `json:"type"`
	MediaID   string `json:"media_id"`
	CreatedAt int64  `json:"created_at"`
	URL       string `json:"url"`
	reply
}

func (c caller) send(path string, u upload) mediaReply {
	c.t.Helper()
	contentType, body := u.open()
	defer func() { _ = body.Close() }()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.base+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := c.client.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var r mediaReply
	if err := json.NewDecoder(resp.Body).Decode(&r); err != nil {
		c.t.Fatal(err)
	}
	return r
}

// fetch returns an answer whole.
func (c caller) fetch(method, path, body string) (string, http.Header) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	resp, err := c.client.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(b), resp.Header
}

// overHTTP serves a sandbox on the loopback interface.
func overHTTP(t *testing.T, sb *sandbox.Sandbox) caller {
	t.Helper()
	srv := httptest.NewServer(sb.Handler())
	t.Cleanup(srv.Close)
	return caller{t: t, client: srv.Client(), base: srv.URL}
}

func TestUploadedMediaComesBackByteByByte(t *testing.T) {
	t.Parallel()
	sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{{ID: appID, Secret: secret}, {ID: other, Secret: "other-" + secret}}})
	for name, c := range map[string]caller{"in process": newCaller(t, sb.Transport()), "over HTTP": overHTTP(t, sb)} {
		for _, size := range []int{1, 4096, 32 << 10, 32<<10 + 1, 5 << 20} {
			t.Run(fmt.Sprintf("%s, %d bytes", name, size), func(t *testing.T) {
				t.Parallel()
				token := c.stable().AccessToken
				content := strings.Repeat("\x00\xff\r\n--", size/6+1)[:size]
				r := c.send("/cgi-bin/media/upload?type=image&access_token="+token, picture(content))
				if r.Type != "image" || r.MediaID == "" || r.CreatedAt == 0 || r.Errcode != nil {
					t.Fatalf("upload = %+v", r)
				}
				got, header := c.fetch("GET", "/cgi-bin/media/get?access_token="+token+"&media_id="+r.MediaID, "")
				if got != content {
					t.Errorf("%d bytes came back, which are not those that went in", len(got))
				}
				want := map[string]string{
					"Content-Type": "image/png", "Content-Length": fmt.Sprint(size),
					"Content-Disposition": `attachment; filename="` + r.MediaID + `.png"`,
				}
				for k, v := range want {
					if header.Get(k) != v {
						t.Errorf("%s: %q, want %q", k, header.Get(k), v)
					}
				}
			})
		}
	}
}

func TestMediaOfNobodyOfOthersAndOfLongAgoIsUnknown(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, _ *sandbox.Sandbox, c caller) {
		foreign := c.do("GET", tokenPath(other, "other-"+secret), "").AccessToken
		r := c.send("/cgi-bin/media/upload?type=voice&access_token="+c.stable().AccessToken, picture("x"))
		unknown := func(token, id string) {
			t.Helper()
			body, header := c.fetch("GET", "/cgi-bin/media/get?access_token="+token+"&media_id="+id, "")
			if !strings.HasPrefix(body, `{"errcode":40007,"errmsg":"invalid media_id rid: `) || header.Get("Content-Type") != "text/plain" {
				t.Errorf("%s, %s", body, header.Get("Content-Type"))
			}
		}
		unknown(c.stable().AccessToken, "nonsense")
		unknown(c.stable().AccessToken, "")
		unknown(foreign, r.MediaID)
		time.Sleep(3*24*time.Hour - time.Nanosecond)
		if body, _ := c.fetch("GET", "/cgi-bin/media/get?access_token="+c.stable().AccessToken+"&media_id="+r.MediaID, ""); body != "x" {
			t.Errorf("before its three days are over: %s", body)
		}
		time.Sleep(time.Nanosecond)
		unknown(c.stable().AccessToken, r.MediaID)
	})
}

func TestUploadsAreRefusedAsThePlatformDoes(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{MediaBytes: 1 << 20}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		good := "/cgi-bin/media/upload?type=image&access_token=" + c.stable().AccessToken
		nameless, misnamed := picture("x"), picture("x")
		nameless.name, misnamed.field = "", "file"
		for _, tc := range []struct {
			name, path string
			form       upload
			want       int
		}{
			{"no token", "/cgi-bin/media/upload?type=image", picture("x"), 41001},
			{"a token from nowhere", "/cgi-bin/media/upload?type=image&access_token=83_x", picture("x"), 40001},
			{"no type", strings.Replace(good, "type=image", "", 1), picture("x"), 40004},
			{"another type", strings.Replace(good, "type=image", "type=news", 1), picture("x"), 40004},
			{"nothing in it", good, picture(""), 44001},
			{"no file name", good, nameless, 41005},
			{"another field", good, misnamed, 41005},
			{"larger than all the room", good, picture(strings.Repeat("x", 1<<20)), 45001},
			{"good", good, picture(strings.Repeat("x", 1<<20-4096)), 0},
		} {
			if r := c.send(tc.path, tc.form); r.code() != tc.want {
				t.Errorf("%s: errcode %d (%s), want %d", tc.name, r.code(), r.Errmsg, tc.want)
			}
		}
		if got := c.do("POST", good, "no form").code(); got != 41005 {
			t.Errorf("no form: errcode %d, want 41005", got)
		}
		if got := c.do("GET", good, "").code(); got != 43002 {
			t.Errorf("GET: errcode %d, want 43002", got)
		}
		if n := sb.Calls(appID, "/cgi-bin/media/upload"); n != 9 {
			t.Errorf("%d uploads of the app arrived, want 9", n)
		}
	})
}

func TestMaterialIsKeptForGood(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, _ *sandbox.Sandbox, c caller) {
		with := func(path string) string { return path + "access_token=" + c.stable().AccessToken }
		image := c.send(with("/cgi-bin/material/add_material?type=image&"), picture("image"))
		if image.MediaID == "" || !strings.HasPrefix(image.URL, "http://mmbiz.qpic.cn/") {
			t.Fatalf("image: %+v", image)
		}
		video := c.send(with("/cgi-bin/material/add_material?type=video&"), upload{
			field: "media", name: "v.mp4", content: strings.NewReader("video"),
			fields: map[string]string{"description": `{"title":"标题","introduction":"简介"}`},
		})
		if url := c.send(with("/cgi-bin/media/uploadimg?"), picture("x")).URL; !strings.HasPrefix(url, "http://") {
			t.Errorf("uploadimg: url %q", url)
		}
		time.Sleep(100 * 24 * time.Hour)
		one := func(id string) string { return `{"media_id":"` + id + `"}` }
		if got := c.raw("POST", with("/cgi-bin/material/get_material?"), one(image.MediaID)); got != "image" {
			t.Errorf("image: %s", got)
		}
		wantVideo := `{"title":"标题","description":"简介","down_url":"http`
		if got := c.raw("POST", with("/cgi-bin/material/get_material?"), one(video.MediaID)); !strings.HasPrefix(got, wantVideo) {
			t.Errorf("video: %s", got)
		}
		count := func(images int) {
			t.Helper()
			want := fmt.Sprintf(`{"voice_count":0,"video_count":1,"image_count":%d,"news_count":0}`, images)
			if got := c.raw("GET", with("/cgi-bin/material/get_materialcount?"), ""); got != want {
				t.Errorf("count: %s, want %s", got, want)
			}
		}
		count(1)
		list := c.raw("POST", with("/cgi-bin/material/batchget_material?"), `{"type":"image","offset":0,"count":20}`)
		if want := `{"total_count":1,"item_count":1,"item":[{"media_id":"` + image.MediaID + `","name":"a.png",`; !strings.HasPrefix(list, want) {
			t.Errorf("list: %s, want %s", list, want)
		}
		if got := c.do("POST", with("/cgi-bin/material/del_material?"), one(image.MediaID)).code(); got != 0 {
			t.Errorf("delete: errcode %d", got)
		}
		for _, path := range []string{"/cgi-bin/material/get_material?", "/cgi-bin/material/del_material?"} {
			if got := c.do("POST", with(path), one(image.MediaID)).code(); got != 40007 {
				t.Errorf("%s after that: errcode %d, want 40007", path, got)
			}
		}
		count(0)
	})
}

func TestFaultsOnUploads(t *testing.T) {
	t.Parallel()
	bubble(t, sandbox.Config{}, func(t *testing.T, sb *sandbox.Sandbox, c caller) {
		path := "/cgi-bin/media/upload?type=image&access_token=" + c.stable().AccessToken
		sb.Inject(sandbox.Fault{Path: "/cgi-bin/media/", App: appID, Kind: sandbox.FaultErrcode, Errcode: 45009, Times: 1})
		sb.Inject(sandbox.Fault{Path: "/cgi-bin/media/", App: appID, Kind: sandbox.FaultSlow, Delay: time.Minute, Times: 1})
		if got := c.send(path, picture("x")).code(); got != 45009 {
			t.Errorf("errcode %d, want 45009", got)
		}
		before := time.Now()
		r := c.send(path, picture("x"))
		if r.MediaID == "" || time.Since(before) != time.Minute || r.CreatedAt != time.Now().Unix() {
			t.Errorf("slow upload: %+v", r)
		}
		sb.Inject(sandbox.Fault{Path: "/cgi-bin/media/get", Kind: sandbox.FaultTruncated, Times: 1})
		req := httptest.NewRequestWithContext(t.Context(), "GET",
			base+"/cgi-bin/media/get?access_token="+c.stable().AccessToken+"&media_id="+c.send(path, picture("12345678")).MediaID, nil)
		resp, err := sb.Transport().RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if b, err := io.ReadAll(resp.Body); string(b) != "1234" || !errors.Is(err, io.ErrUnexpectedEOF) || resp.ContentLength != 8 {
			t.Errorf("half of the media: %q, %v, length %d", b, err, resp.ContentLength)
		}
	})
}
