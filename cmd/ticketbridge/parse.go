package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"ticketbridge/mailparse"
)

var parseCommand = command{
	name: "parse", args: "[FILE… | -]",
	summary: "read mails from files and say what they are",
	help: `Reads mails (RFC 5322, .eml) and says what each is: who wrote what to whom, whether it
is a forward, and, of a chat, who the customer is and what was said. Nothing is sent or
recorded. Without FILE, or for "-", it reads standard input.

It answers for any bytes; the exit code is 0 unless an input cannot be read. All built-in
formats are tried, whatever their pins; with --config the enabled ones as configured, and
own domains and agents are excluded as customers.

  ticketbridge parse --explain mail.eml     why it was read so
  ticketbridge parse --json *.eml           one JSON object a line, in order

An input that cannot be read has no line there and one on standard error; the others are
answered all the same, and the exit code is 1.`,
	flags: func(c *call) {
		c.flags.StringVar(&c.config, "config", "", "config `FILE`, for own domains, agents and formats; optional")
		c.flags.StringVar(&c.profile, "profile", "", "try only the format `NAME`")
		c.flags.BoolVar(&c.explain, "explain", false, "tell the reasoning step by step")
		c.jsonFlag()
	},
	run: (*app).parse,
}

func (a *app) parse(_ context.Context, c *call) error {
	parser, err := a.parserFor(c)
	if err != nil {
		return err
	}
	files := c.args
	if len(files) == 0 {
		files = []string{"-"}
	}
	var failed error
	for i, name := range files {
		raw, err := a.readInput(name)
		if err != nil {
			fmt.Fprintf(a.stderr, "ticketbridge parse: %s\n", printable(err.Error(), 1000))
			failed = errSilent
			continue
		}
		m := parser.Parse(raw)
		if c.json {
			if err := a.parsedJSON(m, c.explain); err != nil {
				return err
			}
			continue
		}
		if len(files) > 1 {
			if i > 0 {
				fmt.Fprintln(a.stdout)
			}
			fmt.Fprintf(a.stdout, "==> %s\n", printable(name, 256))
		}
		if c.explain {
			a.explained(explanation(m))
		} else {
			a.parsedText(m)
		}
	}
	return failed
}

// parserFor builds the parser: of all built-in formats, or as configured.
func (a *app) parserFor(c *call) (*mailparse.Parser, error) {
	var opts mailparse.Options
	var err error
	if c.config != "" {
		cfg, err := a.loadConfig(c.config, false)
		if err != nil {
			return nil, err
		}
		if opts, err = cfg.parserOptions(); err != nil {
			return nil, err
		}
	} else if opts.Profiles, err = unpinnedProfiles(); err != nil {
		return nil, err
	}
	if c.profile != "" {
		var all []string
		var only []*mailparse.Profile
		for _, p := range opts.Profiles {
			all = append(all, p.Name)
			if p.Name == c.profile {
				only = append(only, p)
			}
		}
		if len(only) == 0 {
			return nil, usagef("--profile %q: there is no such format%s", c.profile, orElse(didYouMean(c.profile, all), "; want one of "+strings.Join(all, ", ")))
		}
		opts.Profiles = only
	}
	opts.Explain = c.explain
	return mailparse.NewParser(opts)
}

// maxInput is far above any mail; it keeps a mistaken argument such as a disk
// image from filling the memory.
const maxInput = 512 << 20

func (a *app) readInput(name string) ([]byte, error) {
	r := a.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %s", name, reason(err))
		}
		defer f.Close()
		r = f
	}
	b, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %s", name, reason(err))
	}
	if len(b) > maxInput {
		return nil, fmt.Errorf("%s: more than a mail can be", name)
	}
	return b, nil
}

// parsedJSON writes the contract's object; with --explain it has one field more.
func (a *app) parsedJSON(m *mailparse.Mail, explain bool) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	line := bytes.TrimSpace(buf.Bytes())
	if explain {
		steps, err := json.Marshal(explanation(m))
		if err != nil {
			return fmt.Errorf("write JSON: %w", err)
		}
		line = append(line[:len(line)-1], `,"explain":`...)
		line = append(append(line, steps...), '}')
	}
	_, err := fmt.Fprintf(a.stdout, "%s\n", line)
	return err
}

// explanation is the reasoning, a line each.
func explanation(m *mailparse.Mail) []string {
	return strings.Split(strings.TrimRight(m.ExplainText(), "\n"), "\n")
}

// explained writes a reasoning; what follows a long line stands under its text.
func (a *app) explained(lines []string) {
	const head = 14
	sc := a.newScreen()
	for _, line := range lines {
		line = printable(line, 5000)
		label, text := line, ""
		if len(line) > head {
			label, text = line[:head], line[head:]
		}
		for i, part := range wrap(text, max(sc.width-head, 40)) {
			if i > 0 {
				label = strings.Repeat(" ", head)
			}
			fmt.Fprintln(sc.w, strings.TrimRight(label+part, " "))
		}
	}
}

// parsedText writes what a person wants to know first.
func (a *app) parsedText(m *mailparse.Mail) {
	sc := a.newScreen()
	if m.Forwarded {
		fact(sc, "forwarded", "by "+person(m.Outer.From.Name, m.Outer.From.Address)+" ("+m.Carrier+"), who wrote: "+orElse(printable(m.Comment, 200), "nothing"))
	}
	fact(sc, "from", orElse(person(m.From.Name, m.From.Address), "nobody"))
	fact(sc, "to", people(m.To))
	fact(sc, "cc", people(m.Cc))
	fact(sc, "subject", printable(m.Subject, 256))
	fact(sc, "date", printable(m.Date, 128))
	if m.Auto {
		fact(sc, "automatic", "an automatic reply, a bounce or a list robot")
	}
	for _, f := range m.Attachments {
		skip := ""
		if f.Skip != "" {
			skip = ", not carried: " + printable(f.Skip, 100)
		}
		fact(sc, "attachment", attachmentText(f)+skip)
	}
	for _, w := range m.Warnings {
		fact(sc, "warning", printable(w, 200))
	}
	if m.Chat == nil {
		fact(sc, "chat", "no: no format knows this mail")
		fmt.Fprintln(sc.w)
		block(sc.w, "    ", m.Reply)
	} else {
		a.parsedChat(sc, m.Chat)
	}
}

func (a *app) parsedChat(sc screen, t *mailparse.Transcript) {
	color := map[mailparse.Action]string{mailparse.Process: good, mailparse.Ignore: dimmed, mailparse.Park: warn}[t.Action]
	verdict := sc.paint(color, string(t.Action))
	if t.Reason != "" {
		verdict += ": " + printable(t.Reason, 300)
	}
	fact(sc, "chat", fmt.Sprintf("%s, kind %s, %s", printable(t.Format, 64), printable(t.Kind, 64), verdict))
	if t.Customer.Address != "" {
		fact(sc, "customer", person(t.Customer.Name, t.Customer.Address)+attributes(t.Customer))
		fact(sc, "found", printable(t.Customer.Locator, 200))
	} else {
		fact(sc, "customer", strings.TrimSpace(printable(t.Customer.Name, 128)+" (no address)"))
	}
	for _, cand := range t.Candidates {
		if cand.Address != t.Customer.Address || cand.Excluded != "" {
			fact(sc, "not", printable(cand.Address, 320)+": "+orElse(printable(cand.Excluded, 200), printable(cand.Evidence, 200)))
		}
	}
	if t.Conversation.ID != "" || t.Conversation.Link != "" {
		fact(sc, "chat id", strings.TrimSpace(printable(t.Conversation.ID, 128)+"  "+printable(t.Conversation.Link, 500)))
	}
	for _, turn := range t.Turns {
		when := ""
		if !turn.At.IsZero() {
			when = turn.At.Format("2006-01-02 15:04 -0700") + "  "
		}
		fmt.Fprintf(sc.w, "\n  %s%s %s\n", when, turn.Role, sc.paint(bold, printable(turn.Author, 128)))
		block(sc.w, "    ", turn.Text)
	}
}

func people(as []mailparse.Address) string {
	const most = 10
	var parts []string
	for i, p := range as {
		if i == most {
			parts = append(parts, fmt.Sprintf("… and %d more", len(as)-most))
			break
		}
		parts = append(parts, person(p.Name, p.Address))
	}
	return strings.Join(parts, ", ")
}
