package sandbox

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path/filepath"
	"regexp"
)

// stream is the body of an upload that is still to be read.
type stream struct {
	contentType string
	length      int64 // less than zero: unknown
	body        io.Reader
	broken      error // with which the caller's side of the connection ended
}

func newStream(r *http.Request) *stream {
	s := &stream{contentType: r.Header.Get("Content-Type"), length: r.ContentLength, body: http.NoBody}
	if r.Body != nil {
		s.body = r.Body
	}
	return s
}

// Read notes what becomes of the connection: readers of forms do not pass
// every error on as it is.
func (s *stream) Read(p []byte) (int, error) {
	n, err := s.body.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.broken = err
	}
	return n, err //nolint:wrapcheck // a reader
}

// drain reads what is left. A nil stream has nothing.
func (s *stream) drain() {
	if s != nil {
		_, _ = io.Copy(io.Discard, s)
	}
}

var (
	errMediaMissing = errors.New("no media in the form")
	errMediaEmpty   = errors.New("empty media")
)

// form is what an upload carried.
type form struct {
	name        string
	contentType string
	content     blob
	description description
}

// description comes with videos that are uploaded for good.
type description struct {
	Title        string `json:"title"`
	Introduction string `json:"introduction"`
}

const maxDescription = 64 << 10

// receive reads a form to its end, whatever the order of its fields is. Unless
// it fails, the room for the content stays held.
func (s *mediaStore) receive(in *stream) (form, error) {
	var f form
	kind, params, err := mime.ParseMediaType(in.contentType)
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return f, errMediaMissing
	}
	if in.length > s.limit {
		return f, errMediaTooLarge
	}
	if err := s.receiveParts(multipart.NewReader(in, params["boundary"]), &f); err != nil {
		s.free(f.content.held)
		return form{}, err
	}
	return f, nil
}

func (s *mediaStore) receiveParts(parts *multipart.Reader, f *form) error {
	for {
		part, err := parts.NextRawPart()
		switch {
		case errors.Is(err, io.EOF) && f.name != "" && f.content.size > 0:
			return nil
		case errors.Is(err, io.EOF) && f.name != "":
			return errMediaEmpty
		case err != nil:
			return errMediaMissing
		}
		switch name := part.FormName(); {
		case name == "media" && part.FileName() != "" && f.name == "":
			f.name = part.FileName()
			f.contentType = part.Header.Get("Content-Type")
			if f.content, err = s.read(part); err != nil {
				return fmt.Errorf("read media: %w", err)
			}
		case name == "description":
			b, err := io.ReadAll(io.LimitReader(part, maxDescription))
			if err != nil {
				return fmt.Errorf("read description: %w", err)
			}
			_ = json.Unmarshal(b, &f.description) // What is no JSON describes nothing.
		}
	}
}

// receiveCode is with what the platform refuses an upload.
func receiveCode(err error) int {
	switch {
	case errors.Is(err, errMediaTooLarge):
		return codeMediaSize
	case errors.Is(err, errMediaNoRoom):
		return codeBusy
	case errors.Is(err, errMediaEmpty):
		return codeEmptyMedia
	default:
		return codeNoMedia
	}
}

// typeOf is the content type under which content is handed out again.
func (f form) typeOf(k mediaKind) string {
	kind, params, err := mime.ParseMediaType(f.contentType)
	if err == nil && kind != "application/octet-stream" {
		if out := mime.FormatMediaType(kind, params); out != "" {
			return out
		}
	}
	switch k {
	case mediaVoice:
		return "audio/amr"
	case mediaVideo:
		return "video/mp4"
	case mediaImage, mediaThumb:
		return "image/jpeg"
	default:
		return "application/octet-stream"
	}
}

// fileName is under which name content is handed out again.
func (m *media) fileName() string {
	ext := filepath.Ext(m.name)
	if ok, err := regexp.MatchString(`^\.[A-Za-z0-9]{1,8}$`, ext); err != nil || !ok {
		ext = ""
	}
	fallback := map[mediaKind]string{mediaVoice: ".amr", mediaVideo: ".mp4"}[m.kind]
	return m.id + cmp.Or(ext, fallback, ".jpg")
}
