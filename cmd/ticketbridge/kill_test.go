package main

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// killLong in the environment is how many mails TestRandomKills takes.
const killLong = "TICKETBRIDGE_KILL"

// TestRandomKills: while mails come in, the daemon is killed (SIGKILL) at random
// moments and started again, some hundred times in the long form (`make kill`). On
// PostgreSQL there are two daemons; now and then one is stopped (SIGSTOP) for
// longer than its lease, and goes on as if nothing had been. In the end the mails
// are the sum of their states, all is at the helpdesk, and what came again had
// been in doubt as often, to the byte the same.
func TestRandomKills(t *testing.T) {
	for _, database := range databases {
		t.Run(database, func(t *testing.T) {
			w := newStreamWorld(t, database)
			s := newStream(w)
			rounds := howMany(t, killLong, 300) / perRound
			victims := []*victim{{w: w}}
			victims[0].start(t)
			if database == "postgres" {
				s.deliver(t, 1)
				rounds--
				s.until(t, restWithin, func() bool { return s.recorded(t) > 0 }) // the key is made
				victims = append(victims, &victim{w: w.twin(t)})
				victims[1].start(t)
			}
			chunk := max(rounds/200, 2)
			kills, stops := 0, 0
			for left := rounds; left > 0 || !s.dealtWith(t); {
				if n := min(chunk, left); n > 0 {
					s.deliver(t, n)
					left -= n
				}
				time.Sleep(rand.N(600 * time.Millisecond)) // any moment will do
				v := victims[rand.IntN(len(victims))]
				if len(victims) > 1 && rand.IntN(6) == 0 {
					stops++
					v.daemon.cmd.Process.Signal(syscall.SIGSTOP)
					time.Sleep(3 * time.Second) // longer than the lease
					v.daemon.cmd.Process.Signal(syscall.SIGCONT)
				} else if left > 0 || kills < 10 {
					kills++
					v.daemon.kill()
					v.start(t)
				}
				if left == 0 && kills >= 10 {
					s.until(t, 2*restWithin, func() bool { return s.dealtWith(t) })
				}
			}
			for _, v := range victims {
				v.daemon.stop(t)
			}
			w.live(t, w.tops(t)) // once more, and nothing changes
			doubts, duplicates := s.account(t)
			fmt.Printf("%s: %d mails, %d kills, %d stops, %d doubts, %d duplicates\n", t.Name(), s.mails, kills, stops, doubts, duplicates)
		})
	}
}

// victim is a daemon that is started again and again.
type victim struct {
	w      *world
	daemon *daemonProcess
}

func (v *victim) start(t *testing.T) { v.daemon = v.w.launch(t, "") }
