package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"
)

// printMembers writes an answer of the SDK as indented JSON with the API's own
// members. The SDK spells each with a capital letter and otherwise as the API
// does; only CodeArtifact's own begin with a small one. Absent members are left
// out; times are in RFC 3339, as aws prints them.
func printMembers(w io.Writer, v any) error {
	var flat, out bytes.Buffer
	if err := writeMembers(&flat, reflect.ValueOf(v)); err != nil {
		return err
	}
	if err := json.Indent(&out, flat.Bytes(), "", "  "); err != nil {
		return err
	}
	out.WriteByte('\n')
	_, err := w.Write(out.Bytes())
	return err
}

func writeMembers(b *bytes.Buffer, v reflect.Value) error {
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if t, ok := v.Interface().(time.Time); ok {
		return writeScalar(b, t.UTC())
	}
	switch v.Kind() {
	case reflect.Struct:
		return writeStruct(b, v)
	case reflect.Slice:
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeMembers(b, v.Index(i)); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	case reflect.Map:
		return writeMap(b, v)
	case reflect.String, reflect.Bool, reflect.Int32, reflect.Int64:
		return writeScalar(b, v.Interface())
	}
	return fmt.Errorf("an answer holds %s, which has no form as JSON", v.Type())
}

func writeStruct(b *bytes.Buffer, v reflect.Value) error {
	b.WriteByte('{')
	first := true
	for i := range v.NumField() {
		f, value := v.Type().Field(i), v.Field(i)
		if !f.IsExported() || f.Name == "ResultMetadata" || absent(value) {
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		if err := writeScalar(b, memberName(v.Type(), f)); err != nil {
			return err
		}
		b.WriteByte(':')
		if err := writeMembers(b, value); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}

// memberName spells a member as its API does.
func memberName(of reflect.Type, f reflect.StructField) string {
	if name := f.Tag.Get("json"); name != "" { // of answers that several calls make
		return name
	}
	if path := of.PkgPath(); strings.Contains(path, "/aws-sdk-go-v2/service/") && !strings.Contains(path, "/service/codeartifact") {
		return f.Name
	}
	return strings.ToLower(f.Name[:1]) + f.Name[1:]
}

// absent says whether the API left a member out: an empty list or a zero is an
// answer, an empty word is none.
func absent(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return v.IsNil()
	}
	return v.Kind() == reflect.String && v.Len() == 0
}

func writeMap(b *bytes.Buffer, v reflect.Value) error {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(x, y reflect.Value) int { return strings.Compare(x.String(), y.String()) })
	b.WriteByte('{')
	for i, k := range keys {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := writeScalar(b, k.String()); err != nil {
			return err
		}
		b.WriteByte(':')
		if err := writeMembers(b, v.MapIndex(k)); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}

func writeScalar(b *bytes.Buffer, v any) error {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1) // the encoder ends with a newline
	return nil
}
