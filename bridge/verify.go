package bridge

import "context"

// Problem is a thing in the store that should not be so.
type Problem struct {
	What string // m12, c7, d9, a folder, "database"
	Text string
}

// Recount is what a verification saw.
type Recount struct {
	Mails         map[MailState]int64
	Deliveries    map[DeliveryState]int64
	Conversations int64
	Problems      int64
}

// Seen is the number of mails: the sum of the states (R20).
func (r Recount) Seen() (n int64) {
	for _, m := range r.Mails {
		n += m
	}
	return n
}

// Verifier recounts what a store holds.
type Verifier interface {
	// Verify reads everything, as of one moment and without holding it in memory,
	// and calls tell for each problem. An error means that it could not look.
	Verify(ctx context.Context, tell func(Problem)) (Recount, error)
}
