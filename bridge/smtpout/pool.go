package smtpout

import (
	"context"
	"slices"
	"time"
)

// enter waits for a free slot. Connections in use and idle ones together are
// never more than slots: a new one is opened only by who holds a slot and finds
// none idle.
func (t *Transport) enter(ctx context.Context) *failure {
	if ctx.Err() != nil {
		return cut(ctx, atConnect)
	}
	select {
	case t.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return cut(ctx, atConnect)
	}
}

func (t *Transport) leave() { <-t.slots }

// pooled takes the connection that was used last: the least likely to be stale,
// and the others get to time out.
func (t *Transport) pooled() *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(t.idle)
	if n == 0 {
		return nil
	}
	s := t.idle[n-1]
	t.idle = t.idle[:n-1]
	s.idle.Stop()
	return s
}

// put gives a session back. Its caller still holds the slot.
func (t *Transport) put(s *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.broken || t.closed {
		s.close()
		return
	}
	s.idle = time.AfterFunc(t.cfg.IdleTimeout.D(), func() { t.expire(s) })
	t.idle = append(t.idle, s)
}

// expire ends a session that had nothing to do.
func (t *Transport) expire(s *session) {
	t.mu.Lock()
	i := slices.Index(t.idle, s)
	if i < 0 { // taken just now, or closed
		t.mu.Unlock()
		return
	}
	t.idle = slices.Delete(t.idle, i, i+1)
	t.leaving.Add(1)
	t.mu.Unlock()
	defer t.leaving.Done()
	select {
	case t.slots <- struct{}{}: // its place is taken while it says QUIT
		s.quit()
		<-t.slots
	default:
		s.close()
	}
}
