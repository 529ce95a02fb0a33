package bridge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// DMARCPolicy is what a domain asks receivers to do with mail that has it in
// From and neither its SPF nor its DKIM, which ours never have.
type DMARCPolicy string

// The policies. Enforced: quarantine or reject, or a mail provider known to
// refuse such mail whatever it publishes. Unknown: the DNS did not say.
const (
	DMARCNone     DMARCPolicy = "none"
	DMARCEnforced DMARCPolicy = "enforced"
	DMARCUnknown  DMARCPolicy = "unknown"
)

// DMARC looks policies up by the tree walk of RFC 9989, and remembers them.
type DMARC struct {
	// LookupTXT asks for the TXT records of a name. That there are none is an
	// empty list or a *net.DNSError that says so; any other error: ask later.
	LookupTXT func(ctx context.Context, name string) ([]string, error)

	mu    sync.Mutex // guards known; not held while asking
	known map[string]dmarcAnswer
}

type dmarcAnswer struct {
	policy DMARCPolicy
	reason string
	until  time.Time
}

const (
	// dmarcKeep bounds how long an answer counts, whatever the records' TTL: Go's
	// resolver does not tell it. A conversation keeps its identity anyway.
	dmarcKeep      = time.Hour
	dmarcKeepFault = time.Minute
	dmarcTimeout   = 10 * time.Second // for a whole walk
	dmarcEntries   = 10000            // domains come from mails: never more than so many
	dmarcQueries   = 8                // RFC 9989 §4.10
)

// Policy tells the policy for mail from a domain, and how it is known.
func (d *DMARC) Policy(ctx context.Context, domain string) (DMARCPolicy, string) {
	domain = strings.ToLower(strings.TrimSuffix(domain, "."))
	if provider(domain) {
		return DMARCEnforced, domain + " refuses mail in its users' names, whatever it publishes"
	}
	now := time.Now()
	d.mu.Lock()
	a, ok := d.known[domain]
	d.mu.Unlock()
	if ok && now.Before(a.until) {
		return a.policy, a.reason
	}
	ctx, cancel := context.WithTimeout(ctx, dmarcTimeout)
	defer cancel()
	a = dmarcAnswer{until: now.Add(dmarcKeep)}
	var err error
	if a.policy, a.reason, err = d.walk(ctx, domain); err != nil {
		a = dmarcAnswer{DMARCUnknown, fmt.Sprintf("the DMARC policy of %s cannot be looked up: %s", shown(domain), cut(err.Error(), 120)), now.Add(dmarcKeepFault)}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil || len(d.known) >= dmarcEntries {
		d.known = map[string]dmarcAnswer{}
	}
	d.known[domain] = a
	return a.policy, a.reason
}

// dmarcRecord is one domain's record.
type dmarcRecord struct {
	domain string
	tags   map[string]string
}

// walk finds the record that speaks for the domain: its own, else its
// organizational domain's, else that domain's parent registry's (RFC 9989 §4.10).
func (d *DMARC) walk(ctx context.Context, domain string) (DMARCPolicy, string, error) {
	own, ok, err := d.record(ctx, domain)
	if err != nil {
		return "", "", err
	}
	if ok {
		return own.policy(domain)
	}
	var found []dmarcRecord
	for _, name := range parents(domain) {
		r, ok, err := d.record(ctx, name)
		if err != nil {
			return "", "", err
		}
		if !ok {
			continue
		}
		found = append(found, r)
		if r.tags["psd"] == "n" || r.tags["psd"] == "y" {
			break
		}
	}
	if len(found) == 0 {
		return DMARCNone, domain + " publishes no DMARC policy", nil
	}
	// The walk goes up, so the last record is that of the fewest labels. A
	// registry's (psd=y) speaks only where nothing below it does.
	r := found[len(found)-1]
	if r.tags["psd"] == "y" && len(found) > 1 {
		if below := found[len(found)-2]; strings.Count(below.domain, ".") == strings.Count(r.domain, ".")+1 {
			r = below
		}
	}
	return r.policy(domain)
}

// parents are the names above a domain that are asked, nearest first; of a long
// one the middle is left out, so that a walk asks eight times at most.
func parents(domain string) (names []string) {
	labels := strings.Split(domain, ".")
	from := max(1, len(labels)-(dmarcQueries-1))
	for i := from; i < len(labels); i++ {
		names = append(names, strings.Join(labels[i:], "."))
	}
	return names
}

// record asks for a domain's own record. Several are none (RFC 9989 §4.10).
func (d *DMARC) record(ctx context.Context, domain string) (r dmarcRecord, ok bool, err error) {
	txts, err := d.LookupTXT(ctx, "_dmarc."+domain+".")
	if de, is := errors.AsType[*net.DNSError](err); is && de.IsNotFound {
		return r, false, nil
	}
	if err != nil {
		return r, false, err
	}
	n := 0
	for _, txt := range txts {
		if tags, is := dmarcTags(txt); is {
			r, ok = dmarcRecord{domain, tags}, true
			n++
		}
	}
	return r, n == 1 && ok, nil
}

// dmarcTags reads "v=DMARC1; p=reject"; v must come first.
func dmarcTags(txt string) (map[string]string, bool) {
	tags := map[string]string{}
	for i, part := range strings.Split(txt, ";") {
		name, value, ok := strings.Cut(part, "=")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if i == 0 && (name != "v" || value != "DMARC1") {
			return nil, false
		}
		if _, twice := tags[name]; ok && !twice {
			tags[name] = strings.ToLower(value)
		}
	}
	return tags, true
}

// policy applies a record to a domain. For names below it sp counts, and np too:
// whether a name exists is not asked, and the stricter of the two is the safe
// one. A missing or odd p is none; t=y counts as if it enforced, for the test
// ends some day within the conversation.
func (r dmarcRecord) policy(domain string) (DMARCPolicy, string, error) {
	asks := []string{"p"}
	if domain != r.domain {
		asks = []string{"sp", "np"}
		if r.tags["sp"] == "" {
			asks[0] = "p"
		}
	}
	for _, tag := range asks {
		if p := r.tags[tag]; p == "quarantine" || p == "reject" {
			return DMARCEnforced, fmt.Sprintf("%s asks to %s mail that only claims to be from %s (DMARC %s=%s)", r.domain, p, domain, tag, p), nil
		}
	}
	return DMARCNone, fmt.Sprintf("the DMARC policy of %s is none", r.domain), nil
}

// providers refuse mail in their users' names that is not theirs, whatever their
// record says: Gmail publishes none (SENDING §1.1).
var providers = []string{"gmail.com", "googlemail.com", "msn.com", "ymail.com", "rocketmail.com", "aol.com", "icloud.com", "me.com", "mac.com", "web.de"}

// providerNames are those with a domain in every country.
var providerNames = []string{"yahoo", "outlook", "hotmail", "live", "gmx", "proton", "protonmail"}

func provider(domain string) bool {
	name, rest, _ := strings.Cut(domain, ".")
	country := strings.Count(rest, ".") <= 1 && len(rest) <= 6 && rest != ""
	return slices.Contains(providers, domain) || country && slices.Contains(providerNames, name)
}
