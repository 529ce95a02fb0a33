package bridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-msgauth/dkim"

	"ticketbridge/mailparse"
)

// FormatTrust says how mails of one format are told from forged ones.
type FormatTrust struct {
	// Authenticate is "dkim" (we verify a signature of one of DKIMDomains),
	// "header" (the topmost Authentication-Results of the mailbox's own server
	// says so) or "none" (whatever looks right is believed).
	Authenticate string
	// DKIMDomains are the d= that sign for the format; empty: the From domain.
	DKIMDomains []string
}

// Trust decides whether a mail is what it claims to be (THREATS T3–T5).
type Trust struct {
	Formats map[string]FormatTrust
	// AuthservID is the authserv-id of each mailbox's own server, by mailbox name.
	AuthservID map[string]string
	// Agents may forward chats; what they forward is as trustworthy as they are.
	Agents []string
	// LookupTXT fetches DKIM keys. Its temporary errors make the mail wait.
	LookupTXT func(domain string) ([]string, error)
}

// errNoKey: the DKIM key could not be fetched now; try the mail again later.
var errNoKey = errors.New("the DKIM key could not be looked up")

// distrust returns why a recognised chat mail is not believed, "" if it is, or
// an error if that cannot be told now.
func (t Trust) distrust(ctx context.Context, m Mail, p *mailparse.Mail) (string, error) {
	if p.Forwarded && !t.isAgent(p.Outer.From.Address) {
		return fmt.Sprintf("forwarded by %s, who is not in agents; only an agent's forward is believed", shown(p.Outer.From.Address)), nil
	}
	if n := len(p.Outer.Header.Values("From")); n > 1 {
		return fmt.Sprintf("it has %d From fields, so nobody can say who sent it; a genuine mail has one", n), nil
	}
	ft := t.Formats[p.Chat.Format]
	domains := ft.DKIMDomains
	if p.Forwarded || len(domains) == 0 {
		// A forward is a new message: only the agent can be authenticated.
		_, domain, _ := strings.Cut(p.Outer.From.Address, "@")
		domains = []string{strings.ToLower(domain)}
	}
	switch ft.Authenticate {
	case "none":
		return "", nil
	case "dkim":
		why, err := t.distrustDKIM(m.Raw, p.Outer.Header, domains)
		return ofForward(why, p, domains[0]), err
	case "header":
		return ofForward(distrustHeader(p.Outer.Header, t.AuthservID[m.Mailbox], domains), p, domains[0]), nil
	default:
		return fmt.Sprintf("not authenticated: [format.%s] authenticate is not set", p.Chat.Format), nil
	}
}

// ofForward says what to do about an agent's forward that is not believed: mail
// between colleagues often goes unsigned, and then the chat's own product cannot
// vouch for it.
func ofForward(why string, p *mailparse.Mail, domain string) string {
	if why == "" || !p.Forwarded {
		return why
	}
	return why + "; a forward counts as its agent's mail, so it needs a signature of " + shown(domain) +
		": have your mail server sign colleagues' mail too, or release this one"
}

func (t Trust) isAgent(address string) bool {
	return slices.ContainsFunc(t.Agents, func(a string) bool { return strings.EqualFold(a, address) })
}

// maxSignatures bounds the DNS look-ups one mail can cause.
const maxSignatures = 5

// distrustDKIM wants one valid signature of one of domains over a body signed
// whole, with From signed and no second From or Subject slipped in: go-msgauth
// verifies the bottom instance, a reader sees the top one.
func (t Trust) distrustDKIM(raw []byte, h mailparse.Header, domains []string) (string, error) {
	for _, name := range []string{"From", "Subject", "Date", "Message-ID"} {
		if n := len(h.Values(name)); n > 1 {
			return fmt.Sprintf("it has %d %s fields; a genuine mail has one", n, name), nil
		}
	}
	vs, err := dkim.VerifyWithOptions(bytes.NewReader(raw), &dkim.VerifyOptions{LookupTXT: t.LookupTXT, MaxVerifications: maxSignatures})
	if err != nil && !errors.Is(err, dkim.ErrTooManySignatures) {
		return "its DKIM signatures cannot be read: " + cut(err.Error(), 120), nil
	}
	why := "it has no DKIM signature"
	tempFail := false
	for _, v := range vs {
		switch {
		case v.Err != nil && dkim.IsTempFail(v.Err):
			tempFail = tempFail || within(v.Domain, domains)
			why = fmt.Sprintf("the DKIM signature of %s could not be checked", shown(v.Domain))
		case v.Err != nil:
			why = fmt.Sprintf("the DKIM signature of %s is not valid: %s", shown(v.Domain), cut(v.Err.Error(), 120))
		case !within(v.Domain, domains):
			why = fmt.Sprintf("it is signed by %s, not by %s", shown(v.Domain), strings.Join(domains, " or "))
		default:
			return "", nil
		}
	}
	if tempFail {
		return "", errNoKey
	}
	return "not authentic: " + why, nil
}

// within reports whether domain is one of domains. Subdomains do not count: the
// vendor gives a host to each workspace, and anyone can own one (T4).
func within(domain string, domains []string) bool {
	return slices.ContainsFunc(domains, func(d string) bool { return strings.EqualFold(d, domain) })
}

// handedOver reports a Received field of delivery by LMTP (RFC 3848): no
// stranger's mail comes that way, so nothing above the next one is a stranger's.
func handedOver(received string) bool {
	for with := range strings.SplitSeq(received, " with ") {
		protocol, _, _ := strings.Cut(strings.ToUpper(with), " ")
		switch strings.TrimRight(protocol, ";\r\n\t") {
		case "LMTP", "LMTPA", "LMTPS", "LMTPSA":
			return true
		}
	}
	return false
}

// distrustHeader believes the topmost Authentication-Results of our own server,
// and only if no Received but that of the mail store stands above it: what is
// below was there on arrival (RFC 8601 §5).
func distrustHeader(h mailparse.Header, authservID string, domains []string) string {
	if authservID == "" {
		return "not authenticated: this mailbox has no authserv_id"
	}
	for _, f := range h {
		if strings.EqualFold(f.Name, "Received") {
			// The hop from our own server to its mail store adds one on top.
			if handedOver(f.Value) {
				continue
			}
			break
		}
		if !strings.EqualFold(f.Name, "Authentication-Results") {
			continue
		}
		id, results, ok := parseAuthResults(f.Value)
		if !ok || id != authservID {
			break
		}
		var passed []string
		for _, r := range results {
			if r.method == "dkim" && r.result == "pass" {
				passed = append(passed, r.props["header.d"])
			}
		}
		if slices.ContainsFunc(passed, func(d string) bool { return within(d, domains) }) {
			return ""
		}
		if len(passed) == 0 {
			return fmt.Sprintf("not authentic: %s reports no valid DKIM signature", authservID)
		}
		return fmt.Sprintf("not authentic: %s reports a signature of %s, not of %s", authservID, shown(strings.Join(passed, ", ")), strings.Join(domains, " or "))
	}
	return fmt.Sprintf("not authenticated: its topmost trace fields hold no Authentication-Results of %s", authservID)
}
