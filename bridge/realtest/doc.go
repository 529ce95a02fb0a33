// Package realtest gives tests real servers: Dovecot, Postfix, PostgreSQL and Request Tracker.
//
//	func TestMain(m *testing.M) { os.Exit(realtest.Run(m)) }
//
//	func TestTicket(t *testing.T) {
//		imap := realtest.Dovecot(t)
//		smtp := realtest.Postfix(t, imap)
//		agent, support := imap.NewMailbox(t, "agent"), imap.NewMailbox(t, "support")
//		agent.Deliver(t, raw)                  // by LMTP; IDLE wakes
//		… run the bridge: imap.IMAPS, imap.CAFile, agent.Address, agent.Password, smtp.Submission …
//		got := support.Wait(t, "INBOX", 1)[0]  // got.Header("From"), got.Header("X-Original-To"), got.Body()
//	}
//
// # What runs
//
// Dovecot: IMAP with STARTTLS, in plain text too (IMAP), IMAP over TLS (IMAPS), LMTP over TCP and over a
// unix socket. Mailboxes are maildirs unless DovecotConfig says otherwise. A user logs in with the
// whole address. Everything runs as one unprivileged user, without chroot.
//
// Each session in IDLE takes one of the user's inotify instances (fs.inotify.max_user_instances, 128 by
// default); beyond, Dovecot looks every 30 seconds only.
//
// Postfix: a relay for everybody on loopback (SMTP), submission with STARTTLS and AUTH (Submission) and
// over TLS (Submissions), passwords checked by Dovecot. Any From and any envelope sender may be used.
// Mail to [Domain] goes to Dovecot by LMTP with Return-Path, X-Original-To and Delivered-To as received;
// nothing leaves the machine: mail to any other domain ends in the mailbox [PostfixServer.Elsewhere].
// The addresses refused@ and later@ [Domain] get 550 and 451 at RCPT; an address nobody has is accepted
// and bounced.
//
// PostgreSQL: a new cluster; [PostgresServer.NewDatabase] makes an empty database for one test. It does
// not sync to disk unless asked to: a killed server loses nothing by that, only a killed machine would.
//
// Request Tracker 5: a helpdesk with the queue Support, a database of its own (SQLite) and a Postfix of its
// own, which hands mail for [RTServer.Support] to rt-mailgate; Postfix keeps what RT does not take. RT
// answers the customer, which ends in that Postfix' Elsewhere, and tells [RTServer.Staff] of a new
// ticket. REST 2 takes [RTServer.Token]; [RTServer.Tickets] reads the database.
//
// # Shared and private
//
// [Dovecot], [Postfix], [Postgres] and [RT] return the servers that all tests of a test binary share, started
// when first asked for; a test takes mailboxes, databases and customers of its own. [NewDovecot],
// [NewPostfix], [NewPostgres] and [NewRT] start private ones, for tests that stop, kill or configure a
// server while others run. All listen on 127.0.0.1, on ports that stay theirs over a restart and that no
// other test binary gets.
//
// # Where things are
//
// Each test binary has one directory /tmp/tb-realtest-*, each server a directory in it with its
// configuration, data and log. A failing test prints what its servers logged since it began. With
// TICKETBRIDGE_KEEP=1 in the environment the directory stays (for Postfix as an ordinary user, its
// queue belongs to subordinate ids: look at it with `unshare --user --map-root-user --map-auto`).
//
// # What is left
//
// Nothing, however the test binary ends. A watchdog shell outside its process group holds the read end
// of a pipe; when the test binary has exited or was killed, it ends every server and removes the
// directory. [Run] waits for that.
//
// # Privileges
//
// Works as root and as an ordinary user. As root, Dovecot, PostgreSQL and RT run as the users of their
// packages. As a user, Postfix, whose master must be root, gets a user namespace, which takes newuidmap
// and a range in /etc/subuid and /etc/subgid; without them the test fails and says how to get them.
// What is not installed fails the test too, it never skips it.
package realtest
