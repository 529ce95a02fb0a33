package bridge

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{"60s": time.Minute, "1h30m": 90 * time.Minute, "2d": 48 * time.Hour, "1.5d": 36 * time.Hour} {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err != nil || d.D() != want {
			t.Errorf("%s: got %v, %v, want %v", text, d.D(), err, want)
		}
	}
	for _, bad := range []string{"", "5", "60 seconds", "-d", "d"} {
		var d Duration
		if err := d.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q was taken as %v", bad, d.D())
		}
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{"25MB": 25e6, "10MiB": 10 << 20, "512KB": 512e3, "1.5GB": 15e8, "100B": 100, "0B": 0} {
		var z Size
		if err := z.UnmarshalText([]byte(text)); err != nil || z != want {
			t.Errorf("%s: got %d, %v, want %d", text, z, err, want)
		}
	}
	for _, bad := range []string{"", "25", "MB", "-1MB", "9999999999GB", "25 mb"} {
		var z Size
		if err := z.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q was taken as %d", bad, z)
		}
	}
	for z, want := range map[Size]string{25e6: "25MB", 1536: "1.5KB", 3: "3B"} {
		if z.String() != want {
			t.Errorf("%d: got %s, want %s", z, z, want)
		}
	}
}

func TestSecretHides(t *testing.T) {
	c := Credentials{Username: "ann", Password: "hunter2"}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "creds", c, "secret", c.Password)
	js, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{fmt.Sprint(c), fmt.Sprintf("%v %+v %#v %s %q %x %d", c, c, c, c, c.Password, c.Password, c.Password), log.String(), string(js)} {
		if strings.Contains(out, "hunter2") || strings.Contains(out, fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("the secret shows in %s", out)
		}
	}
	if c.Password.Reveal() != "hunter2" {
		t.Error("Reveal does not")
	}
}

func TestEndpointProblems(t *testing.T) {
	for _, tt := range []struct {
		name string
		e    Endpoint
		want []string // one substring for each problem
	}{
		{"good", Endpoint{Host: "mail.example.com", Port: 993, TLS: "implicit"}, nil},
		{"plaintext on this machine", Endpoint{Host: "127.0.0.1", Port: 143, TLS: "none"}, nil},
		{"socket", Endpoint{Host: "unix:/run/lmtp", TLS: "none"}, nil},
		{"all wrong", Endpoint{Port: 70000, TLS: "ssl", CAFile: "/nonexistent"}, []string{"host: required", "port: want 1 to 65535", "tls: want", "ca_file: open"}},
		{"plaintext to elsewhere", Endpoint{Host: "mail.example.com", Port: 143, TLS: "none"}, []string{`"none" is only for a server on this machine`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.e.Problems()
			if len(got) != len(tt.want) {
				t.Fatalf("got %v, want %d problems", got, len(tt.want))
			}
			for i, w := range tt.want {
				if !strings.Contains(got[i].Error(), w) {
					t.Errorf("problem %q does not say %q", got[i], w)
				}
			}
		})
	}
}
