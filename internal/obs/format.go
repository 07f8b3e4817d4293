package obs

import (
	"encoding"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// Bounds on what a value becomes in a log.
const (
	maxText     = 8 << 10
	maxDepth    = 6
	maxElements = 64
)

// format renders any value like %+v, but without what is secret in it: fields and
// map keys that name a secret, bytes that %+v would show as numbers, and whatever
// [Scrub] finds. A method of the value that panics costs the value and nothing
// else.
func format(v any) (text string) {
	defer func() {
		if recover() != nil {
			text = fmt.Sprintf("!PANIC in %T", v)
		}
	}()
	var f formatter
	f.value(reflect.ValueOf(v), 0)
	return Scrub(f.b.String())
}

type formatter struct{ b strings.Builder }

// value renders v. Unexported fields give no access to methods, so they are shown
// by their parts; pointers in them are not followed, which is what keeps a
// broker.Secret shut wherever it sits.
func (f *formatter) value(v reflect.Value, depth int) {
	if f.b.Len() > maxText || depth > maxDepth {
		f.b.WriteString("…")
		return
	}
	if !v.IsValid() {
		f.b.WriteString("<nil>")
		return
	}
	if s, ok := ownText(v); ok {
		f.text(s)
		return
	}
	switch v.Kind() { //nolint:exhaustive // the rest has no content
	case reflect.String:
		f.text(v.String())
	case reflect.Bool:
		f.b.WriteString(strconv.FormatBool(v.Bool()))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		f.b.WriteString(strconv.FormatInt(v.Int(), 10))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		f.b.WriteString(strconv.FormatUint(v.Uint(), 10))
	case reflect.Float32, reflect.Float64:
		f.b.WriteString(strconv.FormatFloat(v.Float(), 'g', -1, 64))
	case reflect.Interface:
		f.value(v.Elem(), depth+1)
	case reflect.Pointer:
		f.pointer(v, depth)
	case reflect.Struct:
		f.structure(v, depth)
	case reflect.Map:
		f.mapping(v, depth)
	case reflect.Slice, reflect.Array:
		f.list(v, depth)
	default:
		f.b.WriteString("(" + v.Type().String() + ")")
	}
}

// ownText returns what the value says of itself.
func ownText(v reflect.Value) (string, bool) {
	if !v.CanInterface() {
		return "", false
	}
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return "<nil>", true
	}
	switch x := v.Interface().(type) {
	case broker.Secret:
		return redacted, true
	case error:
		return x.Error(), true
	case fmt.Stringer:
		return x.String(), true
	case slog.LogValuer:
		return slog.AnyValue(x).Resolve().String(), true
	case encoding.TextMarshaler:
		b, err := x.MarshalText()
		if err != nil {
			return "", false
		}
		return string(b), true
	default:
		return "", false
	}
}

func (f *formatter) text(s string) {
	s = Scrub(s)
	if len(s) > maxText {
		s = s[:maxText] + "…"
	}
	f.b.WriteString(s)
}

func (f *formatter) pointer(v reflect.Value, depth int) {
	switch {
	case v.IsNil():
		f.b.WriteString("<nil>")
	case !v.CanInterface():
		f.b.WriteString("(" + v.Type().String() + ")")
	default:
		f.b.WriteByte('&')
		f.value(v.Elem(), depth+1)
	}
}

func (f *formatter) structure(v reflect.Value, depth int) {
	f.b.WriteByte('{')
	for i := range v.NumField() {
		if i > 0 {
			f.b.WriteByte(' ')
		}
		f.named(v.Type().Field(i).Name, v.Field(i), depth)
	}
	f.b.WriteByte('}')
}

func (f *formatter) mapping(v reflect.Value, depth int) {
	type pair struct {
		key   string
		value reflect.Value
	}
	pairs := make([]pair, 0, min(v.Len(), maxElements))
	for it := v.MapRange(); it.Next() && len(pairs) < maxElements; {
		var k formatter
		k.value(it.Key(), depth+1)
		pairs = append(pairs, pair{k.b.String(), it.Value()})
	}
	slices.SortFunc(pairs, func(a, b pair) int { return strings.Compare(a.key, b.key) })
	f.b.WriteString("map[")
	for i, p := range pairs {
		if i > 0 {
			f.b.WriteByte(' ')
		}
		f.named(p.key, p.value, depth)
	}
	f.more(v.Len())
	f.b.WriteByte(']')
}

// named renders name:value, without the value if the name says that it is secret.
func (f *formatter) named(name string, v reflect.Value, depth int) {
	f.b.WriteString(name)
	f.b.WriteByte(':')
	if secretKey(name) && !isKey(v) && v.Kind() != reflect.Bool {
		f.b.WriteString(redacted)
		return
	}
	f.value(v, depth+1)
}

func (f *formatter) list(v reflect.Value, depth int) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		b := make([]byte, min(v.Len(), maxText))
		for i := range b {
			b[i] = byte(v.Index(i).Uint()) //nolint:gosec // it is a byte
		}
		f.text(string(b))
		return
	}
	f.b.WriteByte('[')
	for i := range min(v.Len(), maxElements) {
		if i > 0 {
			f.b.WriteByte(' ')
		}
		f.value(v.Index(i), depth+1)
	}
	f.more(v.Len())
	f.b.WriteByte(']')
}

func (f *formatter) more(n int) {
	if n > maxElements {
		fmt.Fprintf(&f.b, " …%d more", n-maxElements)
	}
}

// isKey reports whether the value is a broker.Key, which names a token and is none.
func isKey(v reflect.Value) bool {
	return v.IsValid() && v.CanInterface() && v.Type() == reflect.TypeFor[broker.Key]()
}
