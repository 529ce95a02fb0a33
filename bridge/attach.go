package bridge

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"path"
	"regexp"
	"strings"

	"github.com/emersion/go-message"

	"ticketbridge/mailparse"
)

// carried are the customer's files: attachments and inline images, without the
// logos and pixels the parser told apart.
func carried(m *mailparse.Mail) map[string]mailparse.Attachment {
	files := map[string]mailparse.Attachment{}
	for _, a := range m.Attachments {
		if a.Skip == "" {
			files[a.Path] = a
		}
	}
	return files
}

// writeFiles decodes each carried file from the raw mail and encodes it anew as
// one canonical part: no header of the original reaches the helpdesk (T12).
func (c Composer) writeFiles(mw *message.Writer, raw []byte, files map[string]mailparse.Attachment) error {
	n := 0
	return mailparse.EachAttachment(raw, func(a mailparse.Attachment, r io.Reader) error {
		known, ok := files[a.Path]
		if !ok {
			return nil
		}
		n++
		name := c.Target.Helpdesk.Neutralise.name(fileName(known.Filename, known.ContentType, n))
		pw, err := mw.CreatePart(fileHeader(name, known).header())
		if err != nil {
			return fmt.Errorf("attach %q: %w", name, err)
		}
		if _, err := io.Copy(pw, r); err != nil {
			return fmt.Errorf("attach %q: %w", name, err)
		}
		return pw.Close()
	})
}

// plainContentID is an id that can stand in a header field as it is; others are
// not worth repairing.
var plainContentID = regexp.MustCompile(`^[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,100}(@[A-Za-z0-9.-]{1,100})?$`)

func fileHeader(name string, a mailparse.Attachment) fields {
	disposition := "attachment"
	inline := a.Inline && strings.HasPrefix(a.ContentType, "image/")
	if inline {
		disposition = "inline"
	}
	h := fields{
		{"Content-Type", fold(mime.FormatMediaType(safeType(name, a.ContentType), map[string]string{"name": asciiName(name)}))},
		{"Content-Disposition", disposition + ";\r\n filename" + encodeParam(name)},
		{"Content-Transfer-Encoding", "base64"},
	}
	if inline && plainContentID.MatchString(a.ContentID) {
		h = append(h, [2]string{"Content-ID", "<" + a.ContentID + ">"})
	}
	return h
}

// encodeParam writes a parameter's value: quoted, or by RFC 2231 §4 where it is
// not ASCII.
func encodeParam(name string) string {
	if asciiName(name) == name {
		return `="` + name + `"`
	}
	var b strings.Builder
	b.WriteString("*=utf-8''")
	for i := 0; i < len(name); i++ {
		if c := name[i]; c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '.' || c == '-' || c == '_' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func asciiName(name string) string {
	return strings.Map(func(r rune) rune {
		if r > '~' {
			return '_'
		}
		return r
	}, name)
}

// fileName keeps the last path element of a name, printable and short, and
// gives nameless files one.
func fileName(name, contentType string, n int) string {
	name = path.Base(strings.ReplaceAll(printable(name), `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`"<>:|?*;`, r) {
			return '_'
		}
		return r
	}, strings.Trim(name, ". "))
	if name == "" || name == "/" {
		name = fmt.Sprintf("file-%d", n)
		for _, t := range fileTypes {
			if t.contentType == contentType {
				name += t.ext
				break
			}
		}
	}
	if len(name) > 120 {
		ext := path.Ext(name)
		if len(ext) > 12 {
			ext = ""
		}
		name = strings.TrimSuffix(cut(name, 110), "…") + ext
	}
	return name
}

// fileTypes is our own list, not the machine's: the same mail must give the same
// bytes everywhere.
var fileTypes = []struct{ ext, contentType string }{
	{".pdf", "application/pdf"}, {".zip", "application/zip"}, {".json", "application/json"}, {".xml", "application/xml"},
	{".doc", "application/msword"}, {".docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
	{".xls", "application/vnd.ms-excel"}, {".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
	{".exe", "application/octet-stream"}, {".js", "application/octet-stream"}, {".html", "application/octet-stream"}, {".htm", "application/octet-stream"},
	{".png", "image/png"}, {".jpg", "image/jpeg"}, {".jpeg", "image/jpeg"}, {".gif", "image/gif"}, {".webp", "image/webp"}, {".heic", "image/heic"},
	{".mp4", "video/mp4"}, {".mov", "video/quicktime"}, {".webm", "video/webm"}, {".mp3", "audio/mpeg"}, {".wav", "audio/wav"},
	{".txt", "text/plain"}, {".csv", "text/csv"}, {".log", "text/plain"}, {".ics", "text/calendar"},
}

// safeType is the declared type, or application/octet-stream where a browser
// would run it or the name says otherwise (T12).
func safeType(name, contentType string) string {
	const bytes = "application/octet-stream"
	major, minor, ok := strings.Cut(contentType, "/")
	if !ok || token(minor) == "" || strings.ContainsAny(contentType, " ;,\"") {
		return bytes
	}
	switch {
	case major == "message", major == "multipart":
		return bytes
	case contentType == "text/html", contentType == "image/svg+xml", strings.Contains(minor, "javascript"), strings.Contains(minor, "xhtml"):
		return bytes
	}
	for _, t := range fileTypes {
		if !strings.EqualFold(t.ext, path.Ext(name)) {
			continue
		}
		if byName, _, _ := strings.Cut(t.contentType, "/"); byName != major {
			return bytes
		}
		break
	}
	return contentType
}

// writeOriginal attaches the mirrored mail. message/rfc822 may not be encoded
// (RFC 2046 §5.2.1), and 8 bits need a server with 8BITMIME all the way, so a
// mail with 8-bit bytes, or not fit for the wire otherwise, travels as a file.
func writeOriginal(mw *message.Writer, raw []byte) error {
	if len(raw) == 0 {
		return errors.New("the original mail is not there to attach")
	}
	crlf := toCRLF(raw)
	h := fileHeader("original.eml", mailparse.Attachment{ContentType: "application/octet-stream"})
	if canonical(crlf) == nil && ascii(crlf) {
		h = fields{
			{"Content-Type", "message/rfc822"},
			{"Content-Disposition", `attachment; filename="original.eml"`},
		}
		raw = crlf
	}
	pw, err := mw.CreatePart(h.header())
	if err != nil {
		return fmt.Errorf("attach the original: %w", err)
	}
	if _, err := pw.Write(raw); err != nil {
		return fmt.Errorf("attach the original: %w", err)
	}
	return pw.Close()
}

func toCRLF(b []byte) []byte {
	b = bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
	if !bytes.HasSuffix(b, []byte("\r\n")) {
		b = append(b, "\r\n"...)
	}
	return b
}

func ascii(b []byte) bool {
	return bytes.IndexFunc(b, func(r rune) bool { return r > '~' }) < 0
}
