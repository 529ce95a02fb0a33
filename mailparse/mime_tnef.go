package mailparse

import (
	"encoding/binary"
	"strings"
	"unicode/utf16"
)

// TNEF ([MS-OXTNEF]) is how Exchange wraps a mail for other Exchanges. The files
// in winmail.dat are listed; its text is used if the mail has none of its own.

const tnefSignature = 0x223e9f78

// Attribute ids without their type, and MAPI property ids.
const (
	tnefBody, tnefAttachData, tnefAttachTitle       = 0x800c, 0x800f, 0x8010
	tnefAttachRend, tnefMAPI, tnefAttachMAPI        = 0x9002, 0x9003, 0x9005
	mapiBody, mapiHTML, mapiLongName, mapiShortName = 0x1000, 0x1013, 0x3707, 0x3704
	mapiMIMEType, mapiContentID, mapiDisplayName    = 0x370e, 0x3712, 0x3001
	mapiRTF                                         = 0x1009
)

type tnefFile struct {
	title, name, mime, id string
	data                  []byte
}

func (w *walker) tnef(p *part) {
	w.attach(p, inMixed)
	outer := len(w.m.attachments) - 1
	const most = 64 << 20 // base64 of the 25 MB a mail may have; held only for mails with TNEF
	data := w.decode(p, min(len(p.body), most))
	files, text, html, ok := readTNEF(data)
	if !ok {
		w.b.warn("tnef-damage")
	}
	w.b.warn("tnef")
	for i, f := range files {
		if !w.b.part() {
			break
		}
		a := Attachment{Filename: oneLine(firstOf(f.name, f.title)), ContentType: firstOf(strings.ToLower(f.mime), "application/octet-stream"), ContentID: f.id, Path: p.path + "/" + itoa(i+1)}
		w.add(a, content{f.data, "", nil})
		w.m.attachments[outer].Skip = "its files are listed by themselves"
	}
	if n := w.b.text(len(text) + len(html)); n == len(text)+len(html) {
		w.m.tnefText, w.m.tnefHTML = text, html
	}
}

func firstOf(vs ...string) string {
	for _, v := range vs {
		if v != "" {
			return v
		}
	}
	return ""
}

func readTNEF(d []byte) (files []tnefFile, text, html string, ok bool) {
	files, text, html, rtf, ok := tnefAttributes(d)
	if text == "" && html == "" {
		text, html = readRTF(rtf)
	}
	return files, text, html, ok
}

// tnefAttributes goes through them. It stops at the first that does not fit.
func tnefAttributes(d []byte) (files []tnefFile, text, html string, rtf []byte, ok bool) {
	if len(d) < 6 || binary.LittleEndian.Uint32(d) != tnefSignature {
		return nil, "", "", nil, false
	}
	var b budget
	for d = d[6:]; len(d) >= 11; {
		id, n := int(binary.LittleEndian.Uint16(d[1:])), int(binary.LittleEndian.Uint32(d[5:]))
		d = d[9:]
		if n < 0 || n+2 > len(d) {
			return files, text, html, rtf, false
		}
		value := d[:n]
		d = d[n+2:] // two bytes of checksum
		if id == tnefAttachRend {
			files = append(files, tnefFile{})
		}
		f := &tnefFile{}
		if len(files) > 0 {
			f = &files[len(files)-1]
		}
		switch id {
		case tnefAttachTitle:
			f.title = toUTF8(cString(value), "", &b)
		case tnefAttachData:
			f.data = value
		case tnefBody:
			text = firstOf(text, string(cleanLines([]byte(toUTF8(cString(value), "", &b)), false)))
		case tnefAttachMAPI:
			eachMAPI(value, func(prop int, v []byte, wide bool) {
				switch s := mapiString(v, wide); prop {
				case mapiLongName, mapiDisplayName, mapiShortName:
					if prop == mapiLongName || f.name == "" {
						f.name = s
					}
				case mapiMIMEType:
					f.mime = s
				case mapiContentID:
					f.id = s
				}
			})
		case tnefMAPI:
			eachMAPI(value, func(prop int, v []byte, wide bool) {
				switch prop {
				case mapiBody:
					text = string(cleanLines([]byte(mapiString(v, wide)), false))
				case mapiHTML:
					html = string(cleanLines([]byte(mapiString(v, wide)), false))
				case mapiRTF:
					rtf = unpackRTF(v, DefaultLimits.TextBytes)
				}
			})
		}
	}
	return files, text, html, rtf, len(d) == 0
}

// eachMAPI goes through a list of MAPI properties and hands on those that are text or bytes.
func eachMAPI(d []byte, fn func(prop int, v []byte, wide bool)) {
	u32 := func() (n int, ok bool) {
		if len(d) < 4 {
			return 0, false
		}
		n = int(binary.LittleEndian.Uint32(d))
		d = d[4:]
		return n, n >= 0
	}
	skip := func(n int) bool {
		n = (n + 3) &^ 3
		if n < 0 || n > len(d) {
			return false
		}
		d = d[n:]
		return true
	}
	count, ok := u32()
	for ; ok && count > 0; count-- {
		if len(d) < 4 {
			return
		}
		typ, prop := int(binary.LittleEndian.Uint16(d)), int(binary.LittleEndian.Uint16(d[2:]))
		d = d[4:]
		if prop >= 0x8000 && !skipMAPIName(u32, skip) {
			return
		}
		values, size := 1, 0
		switch typ &^ 0x1000 {
		case 0x02, 0x03, 0x04, 0x0a, 0x0b:
			size = 4
		case 0x05, 0x06, 0x07, 0x14, 0x40:
			size = 8
		case 0x48:
			size = 16
		}
		if typ&0x1000 != 0 || size == 0 {
			if values, ok = u32(); !ok {
				return
			}
		}
		for ; values > 0; values-- {
			n := size
			if size == 0 {
				if n, ok = u32(); !ok || n > len(d) {
					return
				}
				fn(prop, d[:n], typ&^0x1000 == 0x1f)
			}
			if !skip(n) {
				return
			}
		}
	}
}

func skipMAPIName(u32 func() (int, bool), skip func(int) bool) bool {
	if !skip(16) {
		return false
	}
	kind, ok := u32()
	n, ok2 := u32()
	if !ok || !ok2 {
		return false
	}
	return kind == 0 || skip(n)
}

func mapiString(v []byte, wide bool) string {
	if !wide {
		return toUTF8(cString(v), "", &budget{})
	}
	units := make([]uint16, 0, len(v)/2)
	for ; len(v) >= 2; v = v[2:] {
		u := binary.LittleEndian.Uint16(v)
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units))
}

func cString(v []byte) []byte {
	for i, c := range v {
		if c == 0 {
			return v[:i]
		}
	}
	return v
}
