package smtpout

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"strings"
	"time"
)

// script is an SMTP or LMTP server that goes wrong once, in one way, at one
// stage, and is a good server otherwise.
type script struct {
	kind    string // "smtp", "lmtp"
	tls     string // as in the config
	id      identity
	at      stage
	fault   string
	log     *transcript
	ext     []string // EHLO keywords besides STARTTLS and AUTH
	auth    string   // mechanisms; "" is "LOGIN PLAIN", "-" none
	once    bool     // the fault happens once
	pace    time.Duration
	other   string                 // in answer to AUTH and all after it
	instead map[string]string      // replies in place of the right ones, by verb; "." is the dot
	pause   func()                 // of the fault "pause"
	hook    func(line string) bool // sees each command first; false: it is answered, or the connection over

	raw    net.Conn
	conn   net.Conn
	br     *bufio.Reader
	secure bool
}

const atQuit stage = "quit"

// The user of every scripted server.
const testUser, testPassword = "bridge@example.com", "s3cret of the test"

// serve speaks to one client.
func (sc script) serve(raw net.Conn) {
	sc.log.connection()
	sc.raw, sc.conn = raw, raw
	if !sc.step(atConnect, "") {
		return
	}
	if sc.tls == "implicit" && !sc.handshake(false) {
		return
	}
	sc.br = bufio.NewReader(sc.conn)
	if !sc.step(atBanner, "220 mail.example.com ready\r\n") {
		return
	}
	for {
		line, err := sc.br.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSuffix(line, "\r\n")
		sc.log.command(line)
		time.Sleep(sc.pace)
		if sc.hook != nil && !sc.hook(line) || !sc.answer(line) {
			return
		}
	}
}

// answer does what one command asks for and reports whether to go on.
func (sc *script) answer(line string) bool {
	verb, _, _ := strings.Cut(line, " ")
	if reply, ok := sc.instead[verb]; ok {
		return sc.say(reply)
	}
	if sc.other != "" && verb != "EHLO" {
		return sc.say(sc.other)
	}
	switch verb {
	case "EHLO", "LHLO":
		return sc.step(atEHLO, sc.greeting())
	case "STARTTLS":
		return sc.starttls()
	case "AUTH":
		return sc.login(line)
	case "MAIL":
		return sc.step(atMail, "250 2.1.0 sender ok\r\n")
	case "RCPT":
		return sc.step(atRcpt, "250 2.1.5 recipient ok\r\n")
	case "DATA":
		refused := sc.at == atData && (sc.fault == "4yz" || sc.fault == "5yz")
		return sc.step(atData, "354 go ahead\r\n") && (refused || sc.data())
	case "RSET":
		return sc.say("250 2.0.0 ok\r\n")
	case "QUIT":
		sc.step(atQuit, "221 2.0.0 bye\r\n")
		return false
	}
	return sc.say("500 5.5.2 what?\r\n")
}

func (sc *script) greeting() string {
	lines := append([]string{"mail.example.com"}, sc.ext...)
	if sc.tls == "starttls" && !sc.secure {
		lines = append(lines, "STARTTLS")
	} else if sc.auth == "" {
		lines = append(lines, "AUTH LOGIN PLAIN")
	} else if sc.auth != "-" {
		lines = append(lines, "AUTH "+sc.auth)
	}
	var b strings.Builder
	for _, l := range lines[:len(lines)-1] {
		b.WriteString("250-" + l + "\r\n")
	}
	b.WriteString("250 " + lines[len(lines)-1] + "\r\n")
	return b.String()
}

// starttls: faults that are words come in place of the reply, the others in the
// handshake behind it.
func (sc *script) starttls() bool {
	if sc.at == atTLS && isWords(sc.fault) {
		return sc.step(atTLS, "220 2.0.0 ready\r\n")
	}
	if !sc.say("220 2.0.0 ready\r\n") || sc.at == atTLS && sc.fault != "slow" && !sc.step(atTLS, "") {
		return false
	}
	if !sc.handshake(sc.at == atTLS && sc.fault == "slow") {
		return false
	}
	sc.br = bufio.NewReader(sc.conn)
	return true
}

func isWords(fault string) bool {
	switch fault {
	case "4yz", "5yz", "421", "partial", "cut":
		return true
	}
	return false
}

func (sc *script) handshake(slow bool) bool {
	raw := sc.raw
	if slow {
		raw = dripping{raw}
	}
	tc := tls.Server(raw, &tls.Config{Certificates: []tls.Certificate{sc.id.cert}})
	if err := tc.Handshake(); err != nil {
		return false
	}
	sc.conn, sc.secure = tc, true
	return true
}

func (sc *script) login(line string) bool {
	plain := base64.StdEncoding.EncodeToString([]byte("\x00" + testUser + "\x00" + testPassword))
	switch line {
	case "AUTH LOGIN":
		for _, want := range []string{testUser, testPassword} {
			if !sc.say("334 " + base64.StdEncoding.EncodeToString([]byte("well?")) + "\r\n") {
				return false
			}
			got, err := sc.br.ReadString('\n')
			if err != nil || got != base64.StdEncoding.EncodeToString([]byte(want))+"\r\n" {
				return sc.say("535 5.7.8 no\r\n")
			}
		}
		return sc.step(atAuth, "235 2.7.0 welcome\r\n")
	case "AUTH PLAIN " + plain:
		return sc.step(atAuth, "235 2.7.0 welcome\r\n")
	}
	return sc.say("535 5.7.8 no\r\n")
}

// data reads the message up to the dot.
func (sc *script) data() bool {
	var got bytes.Buffer
	if sc.at == atBody {
		// Half of it, then the fault.
		if _, err := io.CopyN(&got, sc.br, 40<<10); err != nil || !sc.step(atBody, "") {
			return false
		}
		time.Sleep(time.Second) // the client hears it while it still writes
	}
	for !bytes.HasSuffix(got.Bytes(), []byte("\r\n.\r\n")) {
		b, err := sc.br.ReadByte()
		if err != nil {
			return false
		}
		got.WriteByte(b)
	}
	sc.log.message(got.Bytes())
	if reply, ok := sc.instead["."]; ok {
		return sc.say(reply)
	}
	return sc.step(atDot, "250 2.0.0 queued as 4F7\r\n")
}

// step says what a good server says, or does the fault if it is due here, and
// reports whether to go on.
func (sc *script) step(at stage, ok string) bool {
	if sc.at != at || sc.fault == "" {
		return sc.say(ok)
	}
	fault := sc.fault
	if sc.once {
		sc.fault = ""
	}
	code := "250"
	if len(ok) >= 3 {
		code = ok[:3]
	}
	switch fault {
	case "drip": // every block within the time-out, and no end
		for {
			if _, err := io.CopyN(io.Discard, sc.br, pipeBuffer); err != nil {
				return false
			}
			time.Sleep(30 * time.Second)
		}
	case "pause":
		sc.pause()
		return sc.say(ok)
	case "4yz":
		return sc.say("451 4.3.0 try again later\r\n")
	case "5yz":
		return sc.say("554 5.3.0 never\r\n")
	case "421":
		sc.say("421 4.3.2 closing\r\n")
	case "EOF":
	case "RST":
		sc.raw.(*net.TCPConn).SetLinger(0)
	case "hang":
		// Neither reads nor writes; the client must give up.
		sc.raw.(*pipeConn).wait()
	case "garbage":
		return sc.say("\x00\xff\x16 HTTP/1.1 400 Bad Request\r\n")
	case "partial":
		sc.say("25")
	case "partial, silent":
		sc.say("25")
		time.Sleep(time.Second)
		io.Copy(io.Discard, sc.conn)
	case "cut":
		sc.say(code + "-first\r\n" + code + "-sec")
	case "slow":
		if at == atBody || at == atConnect {
			io.Copy(io.Discard, dripping{sc.raw})
			return false
		}
		for i := range ok {
			time.Sleep(time.Second)
			if !sc.say(ok[i : i+1]) {
				return false
			}
		}
		return true
	}
	return false
}

func (sc *script) say(s string) bool {
	if s == "" {
		return true
	}
	_, err := sc.conn.Write([]byte(s))
	return err == nil
}

// dripping passes one byte a second, either way.
type dripping struct{ net.Conn }

func (d dripping) Write(b []byte) (int, error) {
	for i := range b {
		time.Sleep(time.Second)
		if _, err := d.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}

func (d dripping) Read(b []byte) (int, error) {
	time.Sleep(time.Second)
	return d.Conn.Read(b[:1])
}
