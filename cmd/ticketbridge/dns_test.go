package main

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

func TestTXTCache(t *testing.T) {
	now := at("12:00:00")
	asked := map[string]int{}
	c := &txtCache{known: map[string]txtAnswer{}, now: func() time.Time { return now }, ask: func(_ context.Context, name string) ([]string, error) {
		asked[name]++
		switch name {
		case "absent.example":
			return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
		case "broken.example":
			return nil, &net.DNSError{Err: "timeout", Name: name, IsTimeout: true, IsTemporary: true}
		}
		return []string{"v=DKIM1"}, nil
	}}
	for range 3 {
		if txt, err := c.lookup("K.Example."); err != nil || len(txt) != 1 {
			t.Errorf("k.example: %v %v", txt, err)
		}
		var de *net.DNSError
		if _, err := c.lookup("absent.example"); !errors.As(err, &de) || !de.IsNotFound {
			t.Errorf("absent.example: %v", err)
		}
		if _, err := c.lookup("broken.example"); err == nil {
			t.Error("broken.example: no error")
		}
	}
	if asked["k.example"] != 1 || asked["absent.example"] != 1 || asked["broken.example"] != 3 {
		t.Errorf("asked %v; want definite answers kept, failures not", asked)
	}
	now = now.Add(txtKeep + time.Second)
	c.lookup("k.example")
	if asked["k.example"] != 2 {
		t.Error("a withdrawn key would be believed for ever")
	}
	for i := range 3 * txtEntries {
		c.lookup(string(rune('a'+i%26)) + time.Duration(i).String() + ".example")
	}
	if len(c.known) > txtEntries {
		t.Errorf("%d names kept, want at most %d", len(c.known), txtEntries)
	}
}
