// Package bridge turns mirrored customer chats into support tickets.
//
// It is the core and knows no protocol: adapters (imapin, smtpout, sqlstore,
// status) import it, never one another, and only cmd/ticketbridge knows all.
// layers_test.go keeps that true. What imapin and imapout share of IMAP is imaplink.
//
// # The way of one mail
//
//	 1  imapin        wake by IDLE or poll; UIDs above the cursor, oldest first
//	 2  ingest.go     bytes → mailparse.Mail, each with a reason
//	 3  judge.go      gates: known? ours? looping? a chat? believed (trust.go)? a customer?
//	 4  judge.go      merge: only turns not seen before are news (digests in keys.go)
//	 5  policy.go     rules in order → Decision{raise · append · wait · ignore · park, Reason}
//	 6  compose.go    final bytes; Message-ID (keys.go) and Date fixed now
//	 7  Store.Accept  one transaction: mails, raw, conversation, turns, decision,
//	                  delivery, and the folder's cursor, many mails at a time
//	 8  imapin        acknowledge: the cursor has moved with 7; on_done's keyword or
//	                  move follows when all that the conversation says is sent (11)
//	 9  outbox.go     claim: sending, attempt counted, committed before the first byte
//	10  smtpout       one attempt: accepted, temporary, permanent, doubt (or imapout,
//	                  which looks first and appends; or httpout, whose helpdesk
//	                  answers with the ticket's number)
//	11  outbox.go     record the outcome; one delivery in flight per conversation
//	12  doubt.go      doubt: looked up where the target keeps its mail, held for a
//	                  person, or the identical bytes again
//	13  harvest.go    the helpdesk's acknowledgement, in a watched mailbox: the
//	                  ticket's number on the link; or a bounce (bounce.go)
//
// A crash before 7 leaves the mail untouched in its mailbox. Steps 7 and 8 are
// one commit as far as the cursor goes; a keyword or move comes from Store.Unmarked,
// late enough to be a proof: a lost database finds every mail that was not sent
// without it, in the folder that is watched. A crash between 9 and 11 leaves the delivery Sending: at the
// next start it is in doubt, and it is never sent blindly again. A claim that is
// older than Fresh when its turn comes is not begun; one older than Orphaned is
// taken for left behind by any daemon.
//
// A lead's mail without an address is parked, its turns recorded and not yet told:
// the mail or person that names the customer raises them all (judge.go: merge).
// A follow-up waits for the message that was to open its ticket, dead ones too,
// until a person retries or drops that one (sqlstore/outbox.go: unopened). Made
// anew (anew.go), one message takes the place of both; what is replaced or dropped
// is in no thread, and its turns are told by another.
//
// What waits (5) is decided again by clock.go when its deadline has passed or
// what it waited for has come: with the same rules, in the same transaction.
//
// A chat whose mails hold no id is known by its customer and how it began
// (ingest.go). Mails wait untouched for an hour while DKIM keys cannot be had.
// While the transport is broken one delivery at a time tries it (outbox.go).
//
// Whom a ticket message is from (identity.go) is decided when a conversation
// begins, by the helpdesk and the customer's DMARC record (dmarc.go), and kept.
// Two ticket numbers for one conversation: it has none until a person says which
// (harvest.go). Canaries (canary.go) go the same way beside the outbox.
//
// # States
//
// A mail ends as ticket, update, waiting, ignored or parked, each with a reason
// (mail.go). A delivery goes ready → sending → sent → confirmed, with the side
// exits retry, held, doubt, dead and bounced (delivery.go). What needs a person
// and no restart raises an alarm (status/alarm.go).
//
// # Invariants
//
//	R1  every mail is in exactly one state or untouched in its mailbox
//	R2  a delivery is sent at most once unless it is in doubt, and then only as
//	    the configuration or a person says, byte for byte the same
//	R3  an address is used as From only if it passed mailparse.StrictAddress and
//	    is not the company's own; the one RCPT TO comes from the config
//	R4  nothing is sent before the commit that says so, and no mailbox is marked
//	    before the commit that says that it was sent
//
// # Several daemons
//
// They share a PostgreSQL database. Each mailbox is watched by the one that holds
// its lease (lease.go); all it records carries the lease's token, checked in the
// transaction, so a holder that was stopped and overtaken records nothing.
// Deliveries are claimed by any of them, and a settlement counts only for the
// attempt the delivery is in.
//
// # A database from a backup
//
// A file outside of the database, the witness (sqlstore), tells that it is older
// than what was done, or a new one, or that the state directory is a copy. Then
// all that stands unsent is in doubt, and so is what is made of mails from before
// (restore.go): the look-up decides, else a person. What mails with on_done's keyword
// say was sent: they are recorded as that, so that follow-ups thread on. Mails
// that on_done moved are not read again; a follow-up to them opens a new ticket.
// A file system rolled back as a whole, by a snapshot, cannot be told.
//
// # Goroutines
//
// One for each folder (imapin.Watcher), which calls Ingest.Handle; one loop and
// a few senders for the outbox (Sender.Run); the clock; the status page. Each Run(ctx)
// blocks, owns what it starts and leaves nothing behind. They share the Store
// and nothing else; Kick is the one signal between them.
//
// # Recipes
//
//   - A format: one TOML file in mailparse/formats (or the config's formats dir)
//     and a txtar in testdata/mail/<format>.
//   - A helpdesk: one TOML file in targets (targets.go) and its golden messages in
//     testdata/message/<target>.
//   - A rule of the playbook: one function and its line in Rules (policy.go).
//   - A transport: a package beside smtpout that implements Transport, and its
//     line in cmd/ticketbridge.
package bridge
