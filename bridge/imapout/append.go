package imapout

import (
	"errors"
	"fmt"
	"time"

	"github.com/emersion/go-imap/v2"

	"ticketbridge/bridge"
	"ticketbridge/bridge/imaplink"
)

// append puts the message into the folder, without \Seen: it is new to support.
// The last byte goes out by deadline or not at all. release ends the caller's
// power to cut the attempt; from the message's first byte on it is let finish.
func (m *Mailbox) append(s *session, d bridge.Delivery, deadline time.Time, release func() bool) bridge.Result {
	if !release() {
		return m.failed(atAppend, false, errors.New("stopped before the message was sent"))
	}
	late := time.AfterFunc(time.Until(deadline), s.Cut)
	defer late.Stop()
	before := s.Sent()
	var receipt *imap.AppendData
	err := s.do("append to "+imaplink.Printable(m.cfg.Folder, 80), int64(len(d.Data)), func() error {
		cmd := s.Client.Append(m.cfg.Folder, int64(len(d.Data)), &imap.AppendOptions{Time: time.Now()})
		last := len(d.Data) - 1
		_, err := cmd.Write(d.Data[:last])
		switch {
		case err == nil && !time.Now().Round(0).Before(deadline.Round(0)): // the machine slept
			s.Cut()
			err = fmt.Errorf("not done within %v", attemptLimit)
		case err == nil:
			late.Reset(answerLimit)
			_, err = cmd.Write(d.Data[last:])
		}
		if closed := cmd.Close(); err == nil {
			err = closed
		}
		data, said := cmd.Wait()
		receipt = data
		// What the server says is definite, however the writing went.
		if _, definite := errors.AsType[*imap.Error](said); definite || err == nil {
			return said
		}
		return err
	})
	if err != nil {
		if s.broken {
			s.Cut() // and nothing more goes out
		}
		// Of a command with fewer bytes than the message alone has, the server
		// cannot have stored it.
		return m.notAppended(err, s.Sent()-before >= int64(len(d.Data)))
	}
	return bridge.Result{Outcome: bridge.Accepted, Stage: atAppend, Code: "OK", Reply: s.receipt(m.cfg.Folder, d.MessageID, receipt)}
}

// receipt says where the message lies: by APPENDUID, or by looking where the
// server does not tell. It is accepted either way.
func (s *session) receipt(folder, messageID string, told *imap.AppendData) string {
	name := imaplink.Printable(folder, 80)
	if told != nil && told.UID != 0 {
		return fmt.Sprintf("%s, UID %d (UIDVALIDITY %d)", name, told.UID, told.UIDValidity)
	}
	uid, err := s.find(folder, messageID, true)
	if err != nil || uid == 0 {
		return name + ", no UID told"
	}
	return fmt.Sprintf("%s, UID %d", name, uid)
}

// ofTheMailbox are codes of refusals that every message would get (RFC 5530 §3,
// RFC 9208 §4.3.1, RFC 3501 §6.3.11), and what to do about them.
var ofTheMailbox = map[imap.ResponseCode]string{
	imap.ResponseCodeTryCreate:           "there is no such folder; make it, or correct transport.folder",
	imap.ResponseCodeNonExistent:         "there is no such folder; make it, or correct transport.folder",
	imap.ResponseCodeOverQuota:           "the support mailbox is full; make room",
	imap.ResponseCodeNoPerm:              "the login may not write there; give it the right to insert",
	imap.ResponseCodeAuthorizationFailed: "the login may not write there; give it the right to insert",
	imap.ResponseCodeUnavailable:         "the server's own trouble; it may pass",
	imap.ResponseCodeServerBug:           "the server's own trouble; it may pass",
	imap.ResponseCodeInUse:               "another program holds the folder; it may pass",
	imap.ResponseCodeLimit:               "a limit of the server; it may pass",
}

// notAppended is what an APPEND that was not answered by OK means. NO and BAD
// are definite: nothing was stored (RFC 3501 §6.3.11). Without a code they are
// tried again, for nobody knows what is behind them; the message is kept. A
// connection lost when the message may be whole is a doubt, which a look settles.
func (m *Mailbox) notAppended(err error, whole bool) bridge.Result {
	no, said := errors.AsType[*imaplink.Refusal](err)
	bye := said && no.Said.Type == imap.StatusResponseTypeBye
	if whole && (!said || bye) {
		return bridge.Result{Outcome: bridge.InDoubt, Stage: atAppend, Reply: m.cfg.Addr() + ": " + err.Error()}
	}
	r := m.failed(atAppend, false, err)
	switch {
	case !said || bye:
	case no.Said.Code == imap.ResponseCodeTooBig: // RFC 7889 §4
		r.Outcome = bridge.Permanent
	case ofTheMailbox[no.Said.Code] != "":
		r.Broken, r.Reply = true, r.Reply+" ("+ofTheMailbox[no.Said.Code]+")"
	case no.Said.Type == imap.StatusResponseTypeNo:
		if _, slow := errors.AsType[*imaplink.Throttled](err); slow {
			r.Broken = true
		}
	}
	return r
}
