package mailparse

import (
	"slices"
	"strings"
)

// relayDomains belong to chat products and their relays. Nobody writes from
// there as a customer; a generated address there leads to a stranger or a robot.
var relayDomains = []string{
	"intercom-mail.com", "intercom.io", "intercom.com", "intercom-attachments.com",
	"tawk.to", "tawk.email", "zopim.com", "on.crisp.email", "crisp.chat", "chaskiq.io",
	"papercups.io", "chatwoot.com", "tiledesk.com", "rocket.chat", "livechatinc.com",
	"safelinks.protection.outlook.com",
}

// robotLocals are local parts behind which nobody reads.
var robotLocals = []string{
	"noreply", "no-reply", "no_reply", "donotreply", "do-not-reply", "do_not_reply",
	"mailer-daemon", "postmaster", "bounce", "bounces", "notifications", "notification",
}

// Excluded says why an address can never be the customer; "" where it may be.
// ownDomains count with their subdomains, agents with any +tag.
func Excluded(address string, ownDomains, agents []string) string {
	local, domain := foldedAddress(address)
	if local == "" || domain == "" {
		return "not an address"
	}
	for _, own := range ownDomains {
		if own = strings.Trim(strings.ToLower(own), ". "); own != "" && underDomain(domain, own) {
			return "an address of our own domain " + own
		}
	}
	for _, agent := range agents {
		if l, d := foldedAddress(agent); l != "" && domain == d && withoutTag(local) == withoutTag(l) {
			return "the agent " + agent
		}
	}
	for _, relay := range relayDomains {
		if underDomain(domain, relay) {
			return "an address of the chat product or its relay (" + relay + ")"
		}
	}
	if slices.Contains(robotLocals, withoutTag(local)) {
		return "an address nobody reads"
	}
	return ""
}

// foldedAddress splits an address as mail systems compare it: without case,
// quotes and the domain's final dot.
func foldedAddress(a string) (local, domain string) {
	a = strings.Trim(strings.ToLower(strings.TrimSpace(a)), "<>")
	i := strings.LastIndexByte(a, '@')
	if i < 0 {
		return "", ""
	}
	return strings.Trim(a[:i], `"`), strings.TrimRight(a[i+1:], ".")
}

func withoutTag(local string) string {
	if i := strings.IndexByte(local, '+'); i > 0 {
		return local[:i]
	}
	return local
}
