package mailparse

import (
	"strings"
	"unicode"
)

// dropBanners takes out what mail systems, not people, put into a text: the
// first-contact tip wherever it stands (it holds the sender's address), and at
// the top cautions about external senders and sensitivity labels.
func dropBanners(text string) string {
	text = dropSenderTips(text)
	lines := strings.Split(text, "\n")
	at, dropped := 0, false
	for {
		for at < len(lines) && strings.TrimSpace(visible(lines[at])) == "" {
			at++
		}
		n := bannerLines(lines[at:])
		if n == 0 {
			break
		}
		at += n
		dropped = true
	}
	if !dropped {
		return text
	}
	return strings.Trim(strings.Join(lines[at:], "\n"), "\n")
}

// bannerLines counts the lines of the banner that begins at lines[0].
func bannerLines(lines []string) int {
	if len(lines) == 0 {
		return 0
	}
	first := foldLabel(lines[0])
	if sensitivityLabel(first) || bareTag(first) {
		return 1
	}
	if !mayBeCaution(lines) {
		return 0
	}
	n, whole := 1, first
	for n < len(lines) && n < 6 && !originPhrase(whole) && strings.TrimSpace(lines[n]) != "" {
		whole += " " + foldLabel(lines[n])
		n++
	}
	if len(whole) > 900 || !originPhrase(whole) || !warns(first) && n > 2 {
		return 0
	}
	for n < len(lines) && n < 8 && cautionGoesOn(lines[n-1], lines[n]) {
		n++
	}
	return n
}

// bareTag: a line that is nothing but "[EXTERNAL]" or "EXTERNAL EMAIL".
func bareTag(line string) bool {
	t := strings.Trim(line, "[](){}<>*#!:-_=. ⚠️")
	return t != "" && len(line) < 60 && strings.HasPrefix(t, "ext") && externalTag(t)
}

// warns: how the first line of a caution begins.
func warns(line string) bool {
	line = strings.TrimLeftFunc(line, func(c rune) bool { return !unicode.IsLetter(c) })
	for _, w := range [...]string{"caution", "warning", "attention", "external", "notice", "this email", "this e-mail", "this message", "security", "be careful", "important", "alert",
		"achtung", "warnung", "vorsicht", "diese e-mail", "diese mail", "diese nachricht", "externe", "hinweis", "ce message", "cet e-mail", "cet email", "ce courriel", "avertissement", "prudence",
		"precaución", "advertencia", "atención", "este correo", "este mensaje", "cuidado", "atenção", "aviso", "este e-mail", "esta mensagem", "attenzione", "questa e-mail", "questo messaggio", "avviso",
		"let op", "waarschuwing", "deze e-mail", "dit bericht", "uwaga", "ta wiadomość", "ostrzeżenie", "varning", "obs", "detta", "det här", "advarsel", "denne", "huomio", "varoitus", "tämä", "upozornění", "pozor", "tento e-mail", "tato zpráva", "внимание", "осторожно", "увага", "dikkat", "uyarı", "注意", "警告", "外部"} {
		if strings.HasPrefix(line, w) {
			return true
		}
	}
	return false
}

// mayBeCaution looks for one of the stems of originPhrase in the first lines.
func mayBeCaution(lines []string) bool {
	for i, l := range lines {
		if i == 6 || strings.TrimSpace(l) == "" {
			break
		}
		if len(l) > 1000 {
			l = l[:1000]
		}
		l = strings.ToLower(l)
		for _, stem := range [...]string{"extern", "outside", "außerhalb", "ausserhalb", "extérieur", "fuera", "fora ", "estern", "buiten", "spoza", "zewn", "utanför", "utenfor", "uden for", "ulkopuol", "ekstern", "mimo organ", "извне", "внешн", "за предел", "ззовні", "dışından", "外部", "社外"} {
			if strings.Contains(l, stem) {
				return true
			}
		}
	}
	return false
}

// originPhrase: the words that make a caution one. text is folded.
func originPhrase(text string) bool {
	for _, p := range [...]string{"originated from outside", "originated outside", "originates from outside", "came from outside", "comes from outside", "sent from outside", "from an external sender", "from an external source", "from an external email", "external email:", "external email.", "external sender", "from outside the organi", "from outside of the organi", "from outside your organi", "from outside our organi", "from outside of our organi", "from outside of your organi", "outside the company", "outside of the company", "outside our company",
		"von außerhalb", "von ausserhalb", "von einem externen absender", "externer absender", "externen absender", "externe e-mail", "provient de l'extérieur", "provient de l’extérieur", "provient d'un expéditeur externe", "provient d’un expéditeur externe", "de l'extérieur de", "de l’extérieur de", "expéditeur externe",
		"procede de fuera", "se originó fuera", "se ha originado fuera", "originado fuera", "remitente externo", "proviene de fuera", "remetente externo", "originado fora", "de fora da organização", "de fora da empresa", "proviene dall'esterno", "proviene dall’esterno", "mittente esterno", "dall'esterno dell",
		"afkomstig van buiten", "van buiten de organisatie", "externe afzender", "spoza organizacji", "z zewnątrz", "nadawca zewnętrzny", "från en extern", "utanför organisationen", "utenfor organisasjonen", "uden for organisationen", "ekstern afsender", "ulkopuolelta", "organisaation ulkopuol", "mimo organizaci", "z externího", "извне", "от внешнего отправителя", "внешний отправитель", "за пределами организации", "ззовні", "kurum dışından", "组织外部", "外部发件人", "外部邮件", "組織外部", "外部から送信", "社外から", "外部から"} {
		if strings.Contains(text, p) {
			return true
		}
	}
	return false
}

// cautionGoesOn: the caution's next line, not the mail's first.
func cautionGoesOn(prev, line string) bool {
	prev, line = strings.TrimSpace(prev), strings.TrimSpace(line)
	if line == "" {
		return false
	}
	if prev != "" && !strings.ContainsAny(prev[len(prev)-1:], ".!:]*") && len(prev) > 40 && !strings.HasSuffix(prev, "。") {
		return true // wrapped in the middle of a sentence
	}
	l := strings.ToLower(line)
	for _, w := range [...]string{"click links", "click on links", "open attachments", "recognize the sender", "recognise the sender", "content is safe", "keine links", "anhänge", "pièces jointes", "archivos adjuntos", "enlaces", "bijlagen", "allegati", "anexos"} {
		if strings.Contains(l, w) && len(l) < 300 {
			return true
		}
	}
	return false
}

// sensitivityLabel: "[Confidential]", "Classification: Internal".
func sensitivityLabel(line string) bool {
	if len(line) > 80 {
		return false
	}
	for _, p := range [...]string{"classification:", "sensitivity:", "classified as", "data classification:", "klassifizierung:", "classificação:", "clasificación:", "classificazione:", "classificatie:"} {
		if strings.HasPrefix(strings.TrimLeft(line, "[("), p) {
			return true
		}
	}
	if !strings.HasPrefix(line, "[") || !strings.HasSuffix(line, "]") {
		return false
	}
	switch strings.Trim(line, "[] ") {
	case "public", "internal", "confidential", "highly confidential", "restricted", "general", "personal", "non-business", "internal use only", "for internal use only", "internal use", "private", "sensitive", "official", "official-sensitive", "secret", "business use", "company confidential", "confidential - external", "confidential - internal", "general business", "unclassified",
		"öffentlich", "intern", "vertraulich", "streng vertraulich", "nur für den internen gebrauch", "confidentiel", "interne", "usage interne", "publique", "restreint", "confidencial", "interno", "uso interno", "público", "riservato", "uso interno aziendale", "vertrouwelijk", "openbaar", "poufne", "wewnętrzne", "konfidentiell", "fortroligt", "luottamuksellinen", "конфиденциально", "机密", "内部", "社外秘", "機密":
		return true
	}
	return false
}

const senderTip = "/learnaboutsenderidentification"

// dropSenderTips drops "[You don't often get email from a@b. Learn why … ]". It
// is known by its link, in any language, and is a bracketed passage or a line.
func dropSenderTips(text string) string {
	if !strings.Contains(text, "aka.ms") && !strings.Contains(text, "AKA.MS") {
		return text
	}
	low := lowerASCII(text)
	var b strings.Builder
	done := 0
	for at := 0; ; {
		k := indexTip(low[at:])
		if k < 0 {
			break
		}
		from, to := tipAround(text, at+k)
		b.WriteString(text[done:max(done, from)])
		done = to + len(text[to:]) - len(strings.TrimLeft(text[to:], " \t\n"))
		at = max(done, at+k+1)
	}
	if done == 0 {
		return text
	}
	b.WriteString(text[done:])
	return b.String()
}

func indexTip(low string) int {
	k := strings.Index(low, "aka.ms")
	for from := 0; k >= 0; {
		rest := low[from+k+len("aka.ms"):]
		if strings.HasPrefix(rest, senderTip) || strings.HasPrefix(rest, "%2f"+senderTip[1:]) {
			return from + k
		}
		from += k + 1
		k = strings.Index(low[from:], "aka.ms")
	}
	return -1
}

// tipAround finds the tip's bounds: its bracket if it has one within a few
// lines, else its line and the wrapped one before.
func tipAround(text string, at int) (from, to int) {
	to = lineEnd(text, at)
	near := max(0, at-1000)
	if open := strings.LastIndexByte(text[near:at], '[') + near; open >= near && strings.Count(text[open:at], "\n") <= 4 && !strings.ContainsRune(text[open:at], ']') {
		end := to
		if k := strings.IndexByte(text[at:min(len(text), at+1000)], ']'); k >= 0 && strings.Count(text[at:at+k], "\n") <= 4 {
			end = at + k + 1
		}
		return open, end
	}
	from = strings.LastIndexByte(text[:at], '\n') + 1
	if from > 0 && !strings.Contains(text[from:to], "@") { // wrapped: the address is on the line before
		prev := strings.LastIndexByte(text[:from-1], '\n') + 1
		if strings.Contains(text[prev:from], "@") {
			from = prev
		}
	}
	return from, to
}

func lineEnd(text string, at int) int {
	if k := strings.IndexByte(text[at:], '\n'); k >= 0 {
		return at + k
	}
	return len(text)
}

// imageBlocked: classic Outlook's alt text for a remote image it did not load.
func imageBlocked(alt string) bool {
	alt = foldLabel(alt)
	for _, p := range [...]string{"image removed by sender", "image supprimée par l'expéditeur", "image supprimée par l’expéditeur", "bild wurde vom absender entfernt", "das bild wurde vom absender entfernt", "vom absender entferntes bild", "imagen quitada por el remitente", "imagen eliminada por el remitente", "imagem removida pelo remetente", "immagine rimossa dal mittente", "afbeelding verwijderd door afzender", "obraz usunięty przez nadawcę", "bild borttagen av avsändaren", "bilde fjernet av avsender", "billede fjernet af afsender", "lähettäjän poistama kuva", "obrázek byl odebrán odesílatelem", "изображение удалено отправителем", "发件人已删除图片", "寄件者已移除影像", "送信者によってイメージが削除されました"} {
		if strings.HasPrefix(alt, p) {
			return true
		}
	}
	return false
}

// withoutSignOff cuts a comment's signature and the advertisements of mobile
// clients off its end.
func withoutSignOff(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		if l = strings.TrimRight(l, " "); l == "--" && len(lines)-i <= 15 {
			lines = lines[:i]
			break
		}
	}
	for len(lines) > 0 {
		last := strings.TrimSpace(lines[len(lines)-1])
		if last != "" && !isDeviceLine(last) {
			break
		}
		lines = lines[:len(lines)-1]
	}
	return strings.Join(lines, "\n")
}
