package main

import (
	"encoding"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"ticketbridge/bridge"
)

// decoder fills structs from parsed TOML and collects everything that does not
// fit. toml.Decode would stop at the first value of a wrong type, give the
// elements of [[mailbox]] no defaults and match keys whatever their case, so
// only its parser is used here.
type decoder struct {
	file     string
	lines    map[string]int
	problems problems
	twins    problems // keys that stand there twice
}

// defaulter is a table with defaults that differ from Go's zero values. It is
// asked for each element of an array of tables.
type defaulter interface{ setDefaults() }

// decodeTOML reads text into dst, a pointer to a struct that holds the defaults.
func decodeTOML(file, text string, dst any) (*decoder, error) {
	d := &decoder{file: file}
	var tree map[string]any
	_, err := toml.Decode(text, &tree)
	if err != nil {
		// A key that stands there twice hides nothing else.
		var twins []twin
		if text, twins = withoutTwins(text); len(twins) > 0 {
			tree = nil
			_, err = toml.Decode(text, &tree)
			for _, t := range twins {
				d.twins = append(d.twins, problem{file: file, line: t.line, key: t.path, text: fmt.Sprintf("stands there a second time (first in line %d); want it once", t.first)})
			}
		}
	}
	if err != nil {
		p := syntaxProblem(file, text, err)
		// Below what is not TOML nothing is sure.
		sure := slices.DeleteFunc(d.twins, func(q problem) bool { return q.line > p.line })
		return nil, append(sure, p)
	}
	d.lines = keyLines(text)
	d.table("", tree, reflect.ValueOf(dst).Elem())
	return d, nil
}

// add notes a problem at a key, the first one only: where the value has the
// wrong type, "required" is no news.
func (d *decoder) add(key, format string, args ...any) {
	for _, p := range d.problems {
		if p.key == key {
			return
		}
	}
	d.problems = append(d.problems, d.at(key, fmt.Sprintf(format, args...)))
}

func (d *decoder) at(key, text string) problem {
	return problem{file: d.file, line: lineOf(d.lines, key), key: key, text: text}
}

// addAll notes what an adapter's Problems found: errors that read "key: what".
func (d *decoder) addAll(table string, errs []error) {
	for _, err := range errs {
		key, text, ok := strings.Cut(err.Error(), ": ")
		if !ok || strings.ContainsAny(key, " \"") {
			d.add(table, "%s", err)
			continue
		}
		d.add(join(table, key), "%s", text)
	}
}

func join(table, key string) string {
	if table == "" {
		return key
	}
	return table + "." + key
}

func (d *decoder) table(path string, tree map[string]any, dst reflect.Value) {
	fields := map[string]reflect.Value{}
	rest := structFields(dst, fields)
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		p := join(path, key)
		if f, ok := fields[key]; ok {
			d.value(p, tree[key], f)
			continue
		}
		if rest.IsValid() {
			if rest.IsNil() {
				rest.Set(reflect.ValueOf(map[string]any{}))
			}
			rest.SetMapIndex(reflect.ValueOf(key), reflect.ValueOf(tree[key]))
			continue
		}
		d.add(p, "unknown key%s", didYouMean(key, slices.Sorted(maps.Keys(fields))))
	}
}

// structFields maps a struct's keys to its fields, embedded structs' among them.
// It returns the field tagged ",rest", which takes the keys nobody else knows.
func structFields(v reflect.Value, into map[string]reflect.Value) (rest reflect.Value) {
	t := v.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		name, opt, _ := strings.Cut(f.Tag.Get("toml"), ",")
		switch {
		case f.Anonymous && name == "":
			if r := structFields(v.Field(i), into); r.IsValid() {
				rest = r
			}
		case opt == "rest":
			rest = v.Field(i)
		case name != "" && name != "-":
			into[name] = v.Field(i)
		}
	}
	return rest
}

func (d *decoder) value(path string, v any, dst reflect.Value) {
	if u, ok := dst.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.text(path, v, u)
		return
	}
	switch dst.Kind() {
	case reflect.Struct:
		switch v := v.(type) {
		case map[string]any:
			d.table(path, v, dst)
		case []map[string]any:
			d.add(path, "want [%s] with one bracket: there is only one", header(path))
			d.table(path, v[0], dst) // what else is wrong in it
		default:
			d.add(path, "want a table [%s], not %s", header(path), show(v))
		}
	case reflect.Map:
		d.mapping(path, v, dst)
	case reflect.Slice:
		d.list(path, v, dst)
	default:
		d.scalar(path, v, dst)
	}
}

func (d *decoder) text(path string, v any, dst encoding.TextUnmarshaler) {
	s, ok := v.(string)
	if !ok {
		s = fmt.Sprint(v)
	}
	err := dst.UnmarshalText([]byte(s))
	if err == nil && !ok {
		err = fmt.Errorf("want it in quotes, with its unit: not %s", show(v))
	}
	if err != nil {
		d.add(path, "%s", err)
	}
}

// mapping reads tables with names of the admin's choice, such as [format.NAME].
func (d *decoder) mapping(path string, v any, dst reflect.Value) {
	tree, ok := v.(map[string]any)
	if !ok {
		d.add(path, "want tables [%s.NAME], not %s", header(path), show(v))
		return
	}
	dst.Set(reflect.MakeMap(dst.Type()))
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		elem := reflect.New(dst.Type().Elem())
		if def, ok := elem.Interface().(defaulter); ok {
			def.setDefaults()
		}
		d.value(join(path, key), tree[key], elem.Elem())
		dst.SetMapIndex(reflect.ValueOf(key), elem.Elem())
	}
}

func (d *decoder) list(path string, v any, dst reflect.Value) {
	items, err := listItems(v, dst.Type().Elem().Kind() == reflect.Struct)
	if err != nil {
		d.add(path, "%s", strings.ReplaceAll(err.Error(), "PATH", header(path)))
		tree, ok := v.(map[string]any)
		if !ok || dst.Type().Elem().Kind() != reflect.Struct {
			return
		}
		items = []any{tree} // what else is wrong in it
	}
	dst.Set(reflect.MakeSlice(dst.Type(), 0, len(items)))
	for i, item := range items {
		elem := reflect.New(dst.Type().Elem())
		if def, ok := elem.Interface().(defaulter); ok {
			def.setDefaults()
		}
		d.value(fmt.Sprintf("%s[%d]", path, i), item, elem.Elem())
		dst.Set(reflect.Append(dst, elem.Elem()))
	}
}

func listItems(v any, tables bool) ([]any, error) {
	switch v := v.(type) {
	case []any:
		return v, nil
	case []map[string]any:
		items := make([]any, len(v))
		for i := range v {
			items[i] = v[i]
		}
		return items, nil
	case map[string]any:
		if tables {
			return nil, errors.New("want [[PATH]] with two brackets: there may be several")
		}
	}
	if tables {
		return nil, fmt.Errorf("want tables [[PATH]], not %s", show(v))
	}
	return nil, fmt.Errorf("want a list such as [%s], not %s", strings.TrimSuffix(show(v), "…"), show(v))
}

func (d *decoder) scalar(path string, v any, dst reflect.Value) {
	switch v := v.(type) {
	case string:
		if dst.Kind() == reflect.String {
			dst.SetString(v)
			return
		}
	case bool:
		if dst.Kind() == reflect.Bool {
			dst.SetBool(v)
			return
		}
	case int64:
		switch {
		case dst.CanInt() && !dst.OverflowInt(v):
			dst.SetInt(v)
			return
		case dst.CanFloat():
			dst.SetFloat(float64(v))
			return
		case dst.CanInt():
			d.add(path, "%d is too large", v)
			return
		}
	case float64:
		if dst.CanFloat() && !math.IsNaN(v) {
			dst.SetFloat(v)
			return
		}
	}
	if dst.Type() == reflect.TypeFor[bridge.Secret]() {
		d.add(path, "want %s", wanted(dst)) // what was meant as a password is shown to nobody
		return
	}
	d.add(path, "want %s, not %s", wanted(dst), show(v))
}

var index = regexp.MustCompile(`\[\d+\]`)

// header is a path as a table's header is written: [mailbox.oauth], not
// [mailbox[0].oauth].
func header(path string) string { return index.ReplaceAllString(path, "") }

func wanted(dst reflect.Value) string {
	switch {
	case dst.Kind() == reflect.Bool:
		return "true or false (without quotes)"
	case dst.Kind() == reflect.String:
		return "text in quotes"
	case dst.CanInt():
		return "a whole number (without quotes)"
	case dst.CanFloat():
		return "a number (without quotes)"
	}
	return "a " + dst.Kind().String()
}

// show writes a TOML value the way the admin wrote it, shortened.
func show(v any) string {
	switch v := v.(type) {
	case string:
		if r := []rune(v); len(r) > 40 {
			return fmt.Sprintf("%q…", string(r[:40]))
		}
		return fmt.Sprintf("%q", v)
	case map[string]any:
		return "a table"
	case []any, []map[string]any:
		return "a list"
	}
	return fmt.Sprint(v)
}
