package imapin

import (
	"cmp"
	"math"
	"slices"

	"github.com/emersion/go-imap/v2"
)

// queue is the UIDs still to be read, oldest first. It keeps ranges: a server
// may claim four billion mails in ten bytes.
type queue struct {
	ranges []imap.UIDRange
	last   uint32 // the UID taken last; nothing up to it comes again
}

// upwards drops what lies below start: "n:*" names the last mail even where it
// is below n (RFC 3501 §6.4.8).
func upwards(set imap.UIDSet, start imap.UID) imap.UIDSet {
	var above imap.UIDSet
	for _, r := range set {
		if r.Stop >= start {
			above = append(above, imap.UIDRange{Start: max(r.Start, start), Stop: r.Stop})
		}
	}
	return above
}

// newQueue keeps what lies above after.
func newQueue(after uint32, sets ...imap.UIDSet) *queue {
	q := &queue{last: after}
	for _, s := range sets {
		q.ranges = append(q.ranges, s...)
	}
	slices.SortFunc(q.ranges, func(a, b imap.UIDRange) int { return cmp.Compare(a.Start, b.Start) })
	return q
}

// next returns the next UID without taking it.
func (q *queue) next() (uint32, bool) {
	for len(q.ranges) > 0 {
		r := q.ranges[0]
		start := max(uint32(r.Start), q.last+1)
		if r.Start == 0 || r.Stop == 0 || q.last == math.MaxUint32 || start > uint32(r.Stop) {
			q.ranges = q.ranges[1:]
			continue
		}
		return start, true
	}
	return 0, false
}

// take returns up to n UIDs not above limit.
func (q *queue) take(n int, limit uint32) []uint32 {
	var uids []uint32
	for len(uids) < n {
		uid, ok := q.next()
		if !ok || uid > limit {
			break
		}
		uids = append(uids, uid)
		q.last = uid
	}
	return uids
}

// len is how many are left, those with the keyword counted in.
func (q *queue) len() int64 {
	var n int64
	for _, r := range q.ranges {
		if r.Start == 0 || r.Stop == 0 {
			continue
		}
		if start := max(int64(r.Start), int64(q.last)+1); start <= int64(r.Stop) {
			n += int64(r.Stop) - start + 1
		}
	}
	return n
}
