// Package sqlstore keeps the bridge's memory in SQLite (the embedded default)
// or PostgreSQL. It is the one place with SQL in it.
//
// There is one implementation and one text for every query; a dialect
// (dialect.go) is what differs: how a database is opened, the words of the
// schema, row locks, and which errors are worth another try.
//
//	open.go      Open, Close: from store.url to a Store (sqlite.go, postgres.go)
//	conn.go      connections and the pool that lends them
//	session.go   transactions, statements and what goes into them
//	migrate.go   the numbered schema, schema/*.sql
//	rows.go      mails, conversations, deliveries as rows and back
//	accept.go    Accept and Rejudge: the transaction around the judge
//	intake.go    what the batch's mails meet (known.go) and leave behind (flush.go)
//	clock.go     whose deadline has passed
//	answers.go   what acknowledgements and bounces are about, and settle
//	outbox.go    Turnover, Recover, NextDue, NextProbe
//	cursors.go   what the watchers keep; leases.go who may watch
//	verify.go    recounts everything
//	witness.go   tells a database that was restored from a backup
//	lists.go     the admin's lists and counts; find.go his searches; act.go his acts
//
// SQLite has one writing connection, which serialises the writers of this
// process; with other processes (the admin's commands) it takes turns
// (turnstile.go). WAL keeps readers and writer out of each other's way. Every
// commit is synced.
//
// On PostgreSQL several daemons share a database. Accept takes an advisory lock
// for each conversation it is about, so that two copies of a chat that arrive
// in two mailboxes are judged one after the other. Deliveries are claimed with
// SKIP LOCKED. A transaction refused for a deadlock is repeated, and a commit
// whose answer was lost is looked up, so that an error means nothing happened.
package sqlstore
