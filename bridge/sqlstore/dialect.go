package sqlstore

import (
	"context"
	"strings"
)

// dialect is all in which the two databases differ.
type dialect struct {
	name string
	// words are put into the schema's text: old, new, old, new …, a longer one
	// before its beginning.
	words []string
	// beginWrite opens a transaction that will write, beginRead one whose reads
	// see one moment.
	beginWrite, beginRead string
	// deaf: a transaction's statements do not watch the context. They never wait
	// for anybody, and watching costs a goroutine each.
	deaf bool
	// rows is the most rows one INSERT takes: where a round trip is dear, many.
	rows int
	// forUpdate locks selected rows to the end of the transaction; skipLocked
	// passes over those another one holds.
	forUpdate, skipLocked string
	// forKeyShare keeps a row from being locked by forUpdate, not from having its
	// other columns changed.
	forKeyShare string
	// clock is the database's time in microseconds; selectLease reads a lease and
	// whether it is over by that clock.
	clock, selectLease string
	// reserve returns n ids of a table that no other row will get.
	reserve func(ctx context.Context, tx *session, table string, n int) ([]int64, error)
	// lockKeys keeps other transactions away that lock one of the keys.
	lockKeys func(ctx context.Context, tx *session, keys []string) error
	// lockSchema lets one process migrate at a time.
	lockSchema string
	// hasSchema asks whether schema_version is there.
	hasSchema string
	// again: the transaction was refused for the company it was in and may be
	// repeated.
	again func(error) bool
	// outcome finds out how a commit ended whose answer was lost. It is nil where
	// that cannot happen.
	outcome func(ctx context.Context, p *pool, mark string) (committed bool, err error)
	// mark names the transaction for outcome.
	mark string
}

// translate puts the dialect's words into a text of the schema.
func (d *dialect) translate(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if i := strings.Index(line, "--"); i >= 0 {
			line = line[:i] + "\n"
		}
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "@"); ok {
			name, rest, _ := strings.Cut(rest, " ")
			if name != d.name {
				continue
			}
			line = rest + "\n"
		}
		if line = strings.TrimRight(line, " \t\n"); line != "" {
			out.WriteString(line)
			out.WriteByte('\n')
		}
	}
	return strings.NewReplacer(d.words...).Replace(out.String())
}
