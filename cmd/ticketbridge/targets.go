package main

import (
	"context"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"ticketbridge/bridge"
)

var targetsCommand = command{
	name: "targets", args: "[NAME]",
	summary: "list the helpdesks tickets can go to, and what is known of each",
	help: `Lists the helpdesks that tickets can be raised in ([target] profile), on what evidence each
profile rests, and what of it nobody has tried yet. With a NAME it prints that profile,
with --config together with what [target.override] changes.

A grade says how well a thing is known: A its source was read or it was tried, B the vendor
documents it, C one third party tells, D weak.`,
	flags: func(c *call) {
		c.flags.StringVar(&c.config, "config", "", "config `FILE`, for what it overrides; optional")
		c.jsonFlag()
	},
	run: (*app).targets,
}

// target is [target]: what the core needs, and changes to its profile.
type target struct {
	bridge.Target
	Override override `toml:"override"`
}

// override holds any field of a profile, as written.
type override struct {
	Settings map[string]any `toml:",rest"`
}

type targetJSON struct {
	Name       string         `json:"name"`
	Title      string         `json:"title"`
	Used       *bool          `json:"used"` // null without a config
	Identities []string       `json:"identities"`
	Resend     string         `json:"resend"`
	Evidence   []evidenceJSON `json:"evidence"`
	Unverified []string       `json:"unverified"`
}

func (a *app) targets(_ context.Context, c *call) error {
	if err := c.wantArgs(0, 1); err != nil {
		return err
	}
	known, err := bridge.Helpdesks()
	if err != nil {
		return err
	}
	used := ""
	if c.config != "" {
		cfg, err := a.loadConfig(c.config, false)
		if err != nil {
			return err
		}
		used = cfg.Target.Profile
		i := slices.IndexFunc(known, func(h bridge.Helpdesk) bool { return h.Name == used })
		known[i] = cfg.Target.Helpdesk
	}
	if len(c.args) == 1 {
		i := slices.IndexFunc(known, func(h bridge.Helpdesk) bool { return h.Name == c.args[0] })
		if i < 0 {
			return fmt.Errorf("%s: no such profile%s; `ticketbridge targets` lists them", printable(c.args[0], 40), didYouMean(c.args[0], bridge.HelpdeskNames()))
		}
		if !c.json {
			return toml.NewEncoder(a.stdout).Encode(known[i])
		}
		known = known[i : i+1]
	}
	if c.json {
		return printJSON(a.stdout, known, func(h bridge.Helpdesk) targetJSON { return newTargetJSON(h, used) })
	}
	t := table{columns: []column{{"NAME", false}, {"USED", false}, {"IDENTITIES", true}, {"EVIDENCE", true}, {"TITLE", true}}}
	for _, h := range known {
		on := cell{"-", plain}
		if h.Name == used {
			on = cell{"yes", good}
		}
		t.add(cell{h.Name, bold}, on, cell{text: strings.Join(h.Identities, " ")}, cell{text: groundsText(h)}, cell{text: h.Title})
	}
	t.print(a.newScreen())
	fmt.Fprintln(a.stdout, "\nNot verified:")
	for _, h := range known {
		for _, u := range h.Unverified {
			fmt.Fprintf(a.stdout, "  %-10s %s\n", h.Name, u)
		}
	}
	return nil
}

func newTargetJSON(h bridge.Helpdesk, used string) targetJSON {
	j := targetJSON{Name: h.Name, Title: h.Title, Identities: h.Identities, Resend: h.Resend, Evidence: []evidenceJSON{}, Unverified: orEmpty(h.Unverified)}
	if used != "" {
		is := h.Name == used
		j.Used = &is
	}
	for _, g := range h.Evidence {
		j.Evidence = append(j.Evidence, evidenceJSON{Aspect: g.Aspect, Grade: g.Grade, Date: g.Date, Source: g.Source})
	}
	return j
}

// groundsText is "requester, ack A 2026-11; limits B 2025-06".
func groundsText(h bridge.Helpdesk) string {
	var parts []string
	for _, g := range h.Evidence {
		parts = append(parts, g.Aspect+" "+g.Grade+" "+g.Date)
	}
	return orDash(strings.Join(parts, "; "))
}

// target checks where tickets go and how.
func (x *crosscheck) target() {
	t := &x.Target
	x.helpdesk()
	x.identities()
	if !slices.Contains([]string{"probe", "resend", "hold"}, t.OnDoubt) {
		x.add("target.on_doubt", `want "probe" (look for it), "hold" (a person decides) or "resend" (no loss over no duplicates), not %q`, t.OnDoubt)
	}
	if t.Address == "" {
		x.add("target.address", "required: where tickets are raised by mail")
	} else {
		x.addressAt("target.address", t.Address)
	}
	if t.Sender != "" && t.Sender != "none" {
		x.addressAt("target.sender", t.Sender)
	}
	if at := t.TicketURL; at != "" && !ticketLink.MatchString(at) {
		x.add("target.ticket_url", `want a link with {ticket} in it, such as "https://rt.example.com/Ticket/Display.html?id={ticket}", not %q`, at)
	}
	if w := t.ConfirmWithin.D(); w != 0 && (w < time.Minute || w > 3*24*time.Hour) {
		x.add("target.confirm_within", `want 1m to 3d, or "0s" for no alarm, not %s`, written(t.ConfirmWithin))
	}
	if w := t.FollowUpWait.D(); w < time.Minute || w > 14*24*time.Hour {
		x.add("target.followup_wait", "want 1m to 14d, not %s", written(t.FollowUpWait))
	}
	if then := t.FollowUpThen; then != bridge.HoldFollowUp && then != bridge.NewTicket {
		x.add("target.followup_then", "want %q (it waits on, and is shown) or %q, not %q", bridge.HoldFollowUp, bridge.NewTicket, then)
	}
}

var ticketLink = regexp.MustCompile(`^https?://[^/\s"<>]+/[^\s"<>]*\{ticket\}[^\s"<>]*$`)

// helpdesk lays what the config overrides over the built-in profile.
func (x *crosscheck) helpdesk() {
	h, err := bridge.HelpdeskNamed(x.Target.Profile)
	if err != nil {
		x.add("target.profile", "%s", err)
		return
	}
	before := len(x.problems)
	x.table("target.override", x.Target.Override.Settings, reflect.ValueOf(&h).Elem())
	if len(x.problems) == before { // else patterns may be missing
		x.addAll("target.override", h.Problems())
	}
	if h.Name != x.Target.Profile {
		x.add("target.override.name", "cannot be changed; target.profile names the profile")
	}
	x.Target.Helpdesk = h
	switch needs := strings.Contains(h.FollowUps.Tag, "{site}"); {
	case needs && x.Target.Site == "":
		x.add("target.site", "required with this profile: what stands in its tags, %s", h.FollowUps.Tag)
	case !needs && x.Target.Site != "":
		x.warn("target.site", "has no effect: no {site} in the profile's follow_up.tag")
	}
}

var identityWords = []string{bridge.AsCustomer, bridge.ReplyToAlias, bridge.AsCommand, bridge.AutoIdentity}

// identities checks whom messages are from. What the config leaves open is as the
// customer or, where the helpdesk does not allow that, the profile's best.
func (x *crosscheck) identities() {
	t := &x.Target
	if !slices.Contains(identityWords, t.Identity) {
		x.add("target.identity", "want one of %s; not %q", strings.Join(identityWords, ", "), t.Identity)
		return
	}
	allowed := t.Helpdesk.Identities
	if len(allowed) == 0 {
		return // no profile: said already
	}
	usable := func(identity string) bool {
		return slices.Contains(allowed, identity) && (identity != bridge.AsCommand || t.CommandFrom != "")
	}
	if _, set := x.lines["target.identity"]; !set && !usable(t.Identity) {
		if i := slices.IndexFunc(allowed, usable); i >= 0 {
			t.Identity = allowed[i]
		}
	}
	switch {
	case t.Identity != bridge.AutoIdentity && !slices.Contains(allowed, t.Identity):
		x.add("target.identity", "%q does not work with %s: want %s or auto ([target.override] identities says otherwise)",
			t.Identity, t.Helpdesk.Title, strings.Join(allowed, ", "))
	case t.Identity == bridge.AsCommand && t.CommandFrom == "":
		x.add("target.command_from", `required with identity = "command": the address of the helpdesk's agent that messages are from`)
	case t.Identity == bridge.ReplyToAlias && t.Helpdesk.Requester[0] != "reply-to":
		x.warn("target.identity", "%s takes the requester from From, which is then an alias of the bridge; see `ticketbridge targets`", t.Helpdesk.Title)
	}
	if t.CommandFrom != "" {
		x.addressAt("target.command_from", t.CommandFrom)
	}
}
