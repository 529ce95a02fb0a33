package bridge

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration that the config writes as "60s" or "1h30m", and
// never as a bare number: TOML would read 5 as five nanoseconds.
type Duration time.Duration

// UnmarshalText reads "90s", "15m", "36h" or "2d".
func (d *Duration) UnmarshalText(b []byte) error {
	s := string(b)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		if err == nil && n >= 0 {
			*d = Duration(n * 24 * float64(time.Hour))
			return nil
		}
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf(`want a duration such as "90s", "15m", "36h" or "2d", not %q`, s)
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes it the way it is read.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// D returns it as a time.Duration.
func (d Duration) D() time.Duration { return time.Duration(d) }

// Size is a number of bytes, written "25MB" (decimal) or "25MiB" (binary).
type Size int64

var sizeUnits = []struct {
	suffix string
	factor int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1},
}

// UnmarshalText reads "25MB", "10MiB" or "512KB".
func (z *Size) UnmarshalText(b []byte) error {
	s := strings.TrimSpace(string(b))
	for _, u := range sizeUnits {
		num, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(num), 64)
		if err != nil || n < 0 || n*float64(u.factor) > 1<<62 {
			break
		}
		*z = Size(n * float64(u.factor))
		return nil
	}
	return fmt.Errorf(`want a size such as "25MB" or "512KiB", not %q`, s)
}

// MarshalText writes it the way it is read.
func (z Size) MarshalText() ([]byte, error) { return []byte(z.String()), nil }

func (z Size) String() string {
	for _, u := range []struct {
		suffix string
		factor int64
	}{{"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}} {
		if int64(z) >= u.factor {
			return strings.TrimSuffix(strconv.FormatFloat(float64(z)/float64(u.factor), 'f', 1, 64), ".0") + u.suffix
		}
	}
	return strconv.FormatInt(int64(z), 10) + "B"
}

// Secret hides itself wherever it is printed, logged or marshalled. Reveal is
// the one way to its value.
type Secret string

const redacted = "[redacted]"

func (Secret) String() string               { return redacted }
func (Secret) GoString() string             { return redacted }
func (Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Format keeps every verb of fmt from printing it.
func (Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

// Credentials is a login as configs embed it. The password comes from exactly
// one of the three keys; cmd reads file and environment before it hands a
// config on.
type Credentials struct {
	Username     string `toml:"username"`
	Password     Secret `toml:"password"`
	PasswordFile string `toml:"password_file"`
	PasswordEnv  string `toml:"password_env"`
}
