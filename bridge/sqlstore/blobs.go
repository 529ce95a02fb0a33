package sqlstore

import (
	"bytes"
	"compress/flate"
	"context"
	"fmt"
	"io"
	"sync"
)

// blob is a row of which one column is large.
type blob struct {
	args []any
	size int
}

// insertBlobs writes rows with large columns: no statement holds more than a few
// megabytes unless one row does.
func (in *intake) insertBlobs(ctx context.Context, query string, blobs []blob) error {
	const most = 4 << 20
	for len(blobs) > 0 {
		var args []any
		n, size := 0, 0
		for n < len(blobs) && (n == 0 || size+blobs[n].size <= most) {
			args = append(args, blobs[n].args...)
			size += blobs[n].size
			n++
		}
		if _, err := in.tx.insert(ctx, query, len(args)/n, args); err != nil {
			return err
		}
		blobs = blobs[n:]
	}
	return nil
}

// deflateRaws packs the raw mails beside the work of writing everything else:
// it is the dearest part, and needs no database. wait returns the rows.
func (in *intake) deflateRaws() (wait func() []blob) {
	var raws []blob
	var work sync.WaitGroup
	work.Go(func() {
		for _, n := range in.news {
			if n.record.HasRaw && len(n.arrival.Raw) > 0 && !(in.again != nil && in.again.HasRaw && !n.arrival.Fetched) {
				raw, deflated := deflate(n.arrival.Raw)
				raws = append(raws, blob{[]any{n.record.ID, bit(deflated), raw}, len(raw)})
			}
		}
	})
	return func() []blob {
		work.Wait()
		return raws
	}
}

func (in *intake) insertRaws(ctx context.Context, raws []blob) error {
	if in.again != nil && (in.news[0].arrival.Fetched || !in.news[0].record.HasRaw) {
		if _, err := in.tx.exec(ctx, `DELETE FROM raws WHERE mail_id = $1`, in.again.ID); err != nil {
			return err
		}
	}
	return in.insertBlobs(ctx, `INSERT INTO raws (mail_id, deflated, raw) VALUES %s`, raws)
}

// deflaters are kept: each holds a megabyte of tables.
var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err) // the level is right
	}
	return w
}}

// deflate packs a raw mail if that makes it smaller. HTML mails shrink to a
// quarter, which the disk gives back twice over: a row is written to the WAL
// and to the database.
func deflate(raw []byte) (packed []byte, deflated bool) {
	out := bytes.NewBuffer(make([]byte, 0, len(raw)/3+64))
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.Reset(out)
	if _, err := w.Write(raw); err != nil {
		return raw, false
	}
	if err := w.Close(); err != nil || out.Len() >= len(raw) {
		return raw, false
	}
	return out.Bytes(), true
}

func inflate(packed []byte, size int64) ([]byte, error) {
	out := bytes.NewBuffer(make([]byte, 0, size))
	if _, err := io.Copy(out, flate.NewReader(bytes.NewReader(packed))); err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	return out.Bytes(), nil
}
