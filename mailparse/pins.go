package mailparse

import (
	"strings"
)

// workspaceHost is the sender's host, where the format has one a workspace.
func (r *reader) workspaceHost() string {
	if !r.p.hasPin("workspace_host") {
		return ""
	}
	return r.m.domain
}

// seen is what a pin is compared with, as this mail shows it.
func (r *reader) seen(pin string) string {
	switch pin {
	case "workspace_host":
		return r.workspaceHost()
	case "app_id":
		return r.app
	case "from_address":
		return strings.ToLower(r.m.from.Address)
	}
	return ""
}

// checkPins parks what comes from a workspace that is not the operator's. Anyone
// can own one and have its mails signed by the product (THREATS T4).
func (r *reader) checkPins() {
	if len(r.p.Pins) == 0 {
		return
	}
	if !r.p.Pinned() {
		r.unpinned()
		return
	}
	agreed := false
	for _, pin := range r.p.Pins {
		if pin.Value == "" {
			continue
		}
		seen := r.seen(pin.Name)
		if strings.EqualFold(seen, pin.Value) {
			agreed = true
		} else if seen != "" {
			r.park("of another workspace: its " + pin.Name + " is " + printable(seen) + ", the config says " + printable(pin.Value))
			return
		}
	}
	switch {
	case agreed:
		r.note("workspace as pinned")
	case r.p.AnyWorkspace:
		r.note("unpinned: any workspace is believed (any_workspace = true)")
	default:
		r.park("it does not show whose workspace it is of: no " + pinList(r.p.Pins) + " in it")
	}
}

// elsewhere: the sender's host or address is pinned, and this is another.
func (r *reader) elsewhere() bool {
	for _, name := range []string{"workspace_host", "from_address"} {
		if v := r.p.pin(name); v != "" && !strings.EqualFold(v, r.seen(name)) {
			return true
		}
	}
	return false
}

// unpinned tells the admin which line to write, with the value seen in this mail.
func (r *reader) unpinned() {
	var lines []string
	for _, pin := range r.p.Pins {
		if seen := r.seen(pin.Name); seen != "" && plainValue(seen) {
			lines = append(lines, pin.Name+` = "`+seen+`"`)
		}
	}
	what := "set one of " + pinList(r.p.Pins)
	if len(lines) > 0 {
		what = strings.Join(lines, " or ")
	}
	whose := "which workspace is ours, and anyone can have one"
	if !r.p.hasPin("workspace_host") {
		whose = "which sender is ours, and anyone can write such a mail"
	}
	r.park("unpinned: the config does not say " + whose + ". If this mail is of yours, write [format." + r.p.Name + "] " + what)
}

func pinList(pins []Pin) string {
	var names []string
	for _, p := range pins {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

// plainValue: fit to be copied into a config as it stands.
func plainValue(s string) bool {
	return len(s) <= 253 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_+@") == "" && s != ""
}
