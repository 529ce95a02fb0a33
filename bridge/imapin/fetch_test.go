package imapin

import (
	"bytes"
	"testing"
)

func TestHeaderOf(t *testing.T) {
	for in, want := range map[string]string{
		"A: 1\r\n\r\nbody": "A: 1\r\n\r\n",
		"A: 1\n\nbody":     "A: 1\n\n",
		"no header at all": "no header at all",
		"":                 "",
	} {
		if got := headerOf([]byte(in)); string(got) != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := headerOf(bytes.Repeat([]byte("x"), maxHeader+1)); len(got) != maxHeader {
		t.Errorf("%d bytes", len(got))
	}
}
