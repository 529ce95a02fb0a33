package realtest

import (
	"bytes"
	"io"
	"os"
	"testing"
)

// tailBytes is how much of a log a failing test shows.
const tailBytes = 8 << 10

// logIfFailed shows what the server logs from now on, if t fails.
func (s *Server) logIfFailed(t testing.TB) {
	from := int64(0)
	if fi, err := os.Stat(s.LogFile()); err == nil {
		from = fi.Size()
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s logged (%s):\n%s", s.name, s.LogFile(), tail(s.LogFile(), from))
		}
	})
}

// tail is the end of what was written to a file after from, whole lines only.
func tail(path string, from int64) []byte {
	f, err := os.Open(path)
	if err != nil {
		return []byte(err.Error())
	}
	defer f.Close()
	data, err := io.ReadAll(io.NewSectionReader(f, from, 1<<30))
	if err != nil {
		return []byte(err.Error())
	}
	if len(data) <= tailBytes {
		return data
	}
	data = data[len(data)-tailBytes:]
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		data = data[i+1:]
	}
	return append([]byte("…\n"), data...)
}
