package sqlstore

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// micros is a time as stored: microseconds UTC, NULL where there is none.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// stored is t as it comes back.
func stored(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMicro(t.UnixMicro()).UTC()
}

// ref is the id of another row, NULL for none.
func ref(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// clean makes text that both databases take: PostgreSQL refuses NUL and what is
// not UTF-8.
func clean(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// fold is an address as compared: without case, in Go, because lower() differs
// between databases and their locales.
func fold(address string) string { return strings.ToLower(strings.TrimSpace(clean(address))) }

// cleaned is a list as it comes back.
func cleaned(ss []string) []string {
	for i, s := range ss {
		if clean(s) != s {
			ss = slices.Clone(ss)
			for ; i < len(ss); i++ {
				ss[i] = clean(ss[i])
			}
			break
		}
	}
	return ss
}

// list is a []string as JSON, "" for none.
func list(ss []string) string {
	if len(ss) == 0 {
		return ""
	}
	b, err := json.Marshal(cleaned(ss))
	if err != nil {
		panic(err) // strings cannot fail
	}
	return string(b)
}

// dict is a map as JSON, "" for none.
func dict(m map[string]string) string {
	if len(m) == 0 {
		return ""
	}
	tidy := make(map[string]string, len(m))
	for k, v := range m {
		tidy[clean(k)] = clean(v)
	}
	b, err := json.Marshal(tidy)
	if err != nil {
		panic(err) // strings cannot fail
	}
	return string(b)
}

// The types below scan a column into what it means.

type at struct{ *time.Time }

func (a at) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*a.Time = time.Time{}
	case int64:
		*a.Time = time.UnixMicro(v).UTC()
	default:
		return fmt.Errorf("time: %T", src)
	}
	return nil
}

type id struct{ *int64 }

func (i id) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*i.int64 = 0
	case int64:
		*i.int64 = v
	default:
		return fmt.Errorf("id: %T", src)
	}
	return nil
}

type yes struct{ *bool }

func (y yes) Scan(src any) error {
	v, ok := src.(int64)
	if !ok {
		return fmt.Errorf("flag: %T", src)
	}
	*y.bool = v != 0
	return nil
}

type fromJSON struct{ dest any }

func (j fromJSON) Scan(src any) error {
	s, ok := src.(string)
	if !ok {
		return fmt.Errorf("JSON: %T", src)
	}
	if s == "" {
		return nil
	}
	return json.Unmarshal([]byte(s), j.dest)
}
