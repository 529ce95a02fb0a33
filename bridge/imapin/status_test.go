package imapin

import (
	"errors"
	"fmt"
	"net"
	"testing"
	"time"
)

// TestSameFaultIsNoNews: what differs only by the port of our own end is the
// same fault, logged once.
func TestSameFaultIsNoNews(t *testing.T) {
	reset := func(own string) error {
		from, to := &net.TCPAddr{}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 993}
		if a, err := net.ResolveTCPAddr("tcp", own); err == nil {
			from = a
		}
		return fmt.Errorf("login: %w", &net.OpError{Op: "read", Net: "tcp", Source: from, Addr: to, Err: errors.New("connection reset by peer")})
	}
	var b board
	for i, tc := range []struct {
		err  error
		news bool
	}{
		{reset("192.0.2.1:40001"), true},
		{reset("192.0.2.1:40002"), false},
		{reset("[2001:db8::1]:40003"), false},
		{errors.New("login: wrong password"), true},
		{reset("192.0.2.1:40004"), true},
	} {
		if news := b.fault(tc.err, time.Time{}); news != tc.news {
			t.Errorf("%d: %v: news %v", i, tc.err, news)
		}
	}
	if want := "login: read tcp 192.0.2.7:993: connection reset by peer"; b.read().Err != want {
		t.Errorf("got %q, want %q", b.read().Err, want)
	}
}
