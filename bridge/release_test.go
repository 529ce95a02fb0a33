package bridge

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// keptHeader is a store that has the header of one mail.
type keptHeader struct {
	Store
	header string
}

func (k keptHeader) Raw(context.Context, int64) ([]byte, error) { return []byte(k.header), nil }

// TestFetchedIsAnotherMail: what answers to the UID now is not what was parked.
func TestFetchedIsAnotherMail(t *testing.T) {
	in := testIngest(t)
	in.Store = keptHeader{header: "Subject: one\r\nMessage-ID: <a@chat.example.com>\r\n\r\n"}
	_, err := in.ReleaseFetched(t.Context(), MailRecord{ID: 3}, Mail{Raw: []byte("Subject: two\r\n\r\nhi")}, Release{By: "ann"})
	if !errors.Is(err, ErrState) || !strings.Contains(err.Error(), "m3: another mail lies there now") {
		t.Errorf("got %v", err)
	}
}
