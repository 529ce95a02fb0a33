package mailparse

// What mail clients and people write around quotes and signatures. Facts from
// forward-labels.toml (attribution lines) and from public mail; folded to lower case.

// wroteWords stand in an attribution line: "On …, Ann wrote:". One of them at
// the end of a line with a date or an address before it is a client's.
var wroteWords = []string{
	"wrote", "writes", "sent", "said", "schrieb", "schrieben", "hat geschrieben", "a écrit", "a ecrit", "écrivait", "escribió", "escribio", "escribiste", "ha scritto", "ha escrit", "escreveu", "escribiu",
	"geschreven", "schreef", "skreau", "skrev", "skreiv", "skrifaði", "kirjoitti", "kirjutas", "napsal", "napísal", "napisał", "napisał(a)", "napisao", "napisala", "napisal", "pisze", "wiadomość napisana przez", "piše", "napisa", "odesílatel",
	"írta", "a scris", "scris", "ha scrit", "написал", "пишет", "написав", "пише", "напісаў", "написа", "жазған", "yazdı", "yazmış", "έγραψε", "έγραψαν", "rašė", "rakstīja", "shkroi",
	"写道", "写于", "寫道", "님이 작성", "쓴 글", "のメール", "が書きました", "は書きました", "さんの発言", "đã viết", "menulis", "membalas", "เขียน", "כתב", "כתבה", "נכתב", "كتب", "كتابة", "გამოგზავნა", "წერს", "გრել", "գրել է",
	"idatzi zuen", "scríobh", "sgrìobh", "ysgrifennodd", "xutz'ib'aj", "yura", "yozdi", "ha scribite", "eo bet skrivet", "folgendes geschrieben", "작성", "va escriure", "מאת", "quoting", "citando", "citando a", "zitat von", "citaat van", "citat från", "citat av", "selon", "mensaje citado por", "cytowanie", "het volgende geschreven", "följande", "følgende", "şunu yazdı", "tarihinde",
}

// openers begin an attribution line that is wrapped over several lines.
var openers = []string{
	"on ", "am ", "le ", "el ", "il giorno ", "il ", "em ", "op ", "den ", "d. ", "dne ", "dňa ", "dnia ", "w dniu ", "la ", "pe ", "în ", "på ", "vào ", "pada ", "no dia ", "às ", "a las ",
	"на ", "дана ", "στις ", "þann ", "më ", "ar ", "o ", "ils ", "di ", "على", "ב", "在", "于", "於", "เมื่อ", "wiadomość napisana przez", "------on ", "---- on ", "-- on ", "at ", "from ",
	"mon", "tue", "wed", "thu", "fri", "sat", "sun", "lun", "mar", "mer", "jeu", "ven", "sam", "dim", "mo.", "di.", "mi.", "do.", "fr.", "sa.", "so.", "пн", "вт", "ср", "чт", "пт", "сб", "вс", "po ", "út ", "st ", "čt ", "pá ",
	"pon", "wto", "wt.", "śr", "czw", "pt.", "sob", "niedz", "ma ", "di ", "wo ", "do ", "vr ", "za ", "zo ", "mån", "tis", "ons", "tors", "fre", "lör", "sön", "lør", "søn", "man", "tir",
}

// moreOriginalWords stand between dashes, beside those of labels.txt; folded.
var moreOriginalWords = []string{
	"original e-mail", "reply to message", "replied message", "original text", "ursprüngliche mail", "originalmeldung", "urspruengliche nachricht", "courriel original", "oorspronkelijke bericht", "originele bericht", "original meddelelse",
	"izvorno sporočilo", "вихідне повідомлення", "özgün mesaj", "tin nhắn gốc", "pirminis laiškas", "邮件原件", "元のメール", "オリジナル メッセージ", "original 메시지",
}

// replyLines are what helpdesks and chat products write above their mails.
var replyLines = []string{
	"reply above this line", "type your reply above", "write your reply above", "reply above the line", "write above this line", "reply to this email above this line", "please reply above", "write above to reply", "add your reply above",
	"oberhalb dieser linie", "über dieser linie", "oberhalb dieser zeile", "au-dessus de cette ligne", "por encima de esta línea", "encima de esta línea", "sopra questa riga", "sopra questa linea", "acima desta linha", "boven deze lijn", "boven deze regel",
	"ovanför denna rad", "ovanför den här raden", "over denne linje", "over denne linjen", "tämän rivin yläpuolelle", "powyżej tej linii", "nad tento řádek", "выше этой строки", "выше этой линии", "この行より上", "请在此行上方",
}

// mobileWords begin the one-line signatures that devices and apps append.
var mobileWords = []string{
	"sent from my ", "sent from mail for ", "sent from outlook", "sent from yahoo", "sent from samsung", "sent from windows mail", "sent from mobile", "sent from an ", "sent from a ", "sent from gmail mobile", "sent from mailbox", "sent from proton", "sent from nine", "sent from blue", "sent from spark", "sent from the ", "sent from iphone", "sent from ipad", "sent from android", "sent from huawei", "sent from xiaomi", "sent from newton", "sent from mymail", "sent from aol", "sent from xfinity", "sent from airmail", "sent from canary", "sent with proton", "sent with spark", "sent with airmail", "sent with mailtrack", "sent with tutanota", "sent via ", "sent on the go", "sent using ", "sent securely", "secured with tuta", "get outlook for ", "download outlook for ", "get bluemail for ", "typed on my ", "written on my ",
	"von meinem ", "von meiner ", "gesendet von ", "gesendet mit ", "gesendet über ", "gesendet aus ", "diese nachricht wurde von meinem ", "holen sie sich outlook für ", "outlook für ",
	"envoyé de mon ", "envoyé depuis ", "envoyé à partir de ", "envoyé avec ", "envoyé de ", "obtenez outlook pour ", "télécharger outlook pour ", "obtenir outlook pour ",
	"enviado desde ", "enviado de mi ", "enviado do meu ", "enviado do ", "enviado a partir do ", "enviado via ", "enviado por ", "obtener outlook para ", "obter o outlook para ", "obtenha o outlook para ", "descargar outlook para ", "enviat des de ", "enviado con ", "enviado pelo ",
	"inviato da ", "inviato dal ", "inviato con ", "ottieni outlook per ", "scarica outlook per ", "verzonden vanaf ", "verstuurd vanaf ", "verzonden met ", "verstuurd met ", "verzonden van ", "outlook voor ", "download outlook voor ",
	"skickat från ", "skickades från ", "hämta outlook för ", "sendt fra ", "sendt med ", "hent outlook til ", "få outlook for ", "skaff deg outlook ", "lähetetty ", "hanki outlook ", "odesláno z ", "odoslané z ", "získat outlook pro ", "stáhnout outlook pro ",
	"wysłane z ", "wysłano z ", "wysłane za pomocą ", "pobierz aplikację outlook", "pobierz outlook", "elküldve ", "az outlook beszerzése", "trimis de pe ", "trimis din ", "trimis de la ", "trimise de pe ", "poslano s ", "poslano sa ", "poslano z ", "отправлено с ", "отправлено из ", "скачать outlook", "получить outlook", "надіслано з ", "відправлено з ", "изпратено от ", "στάλθηκε από ", "αποστολή από ",
	"iphone'umdan gönderildi", "iphone'dan gönderildi", "ipad'imden gönderildi", "android uygulamasından", "outlook'u edinin", "gửi từ ", "đã gửi từ ", "dikirim dari ", "saadetud minu ", "išsiųsta iš ", "nosūtīts no ",
	"从我的", "發自我的", "发自我的", "发自", "來自我的", "從我的", "发送自", "iphoneから送信", "ipadから送信", "androidから送信", "私のiphoneから", "나의 iphone에서", "내 iphone에서", "나의 ipad에서", "iphone에서 보냄", "נשלח מה", "أرسلت من", "أُرسلت من", "تم الإرسال من", "ส่งจาก",
	"sent on the move", "sent from anywhere", "[sent from ", "(sent from ", "<sent from ", "sent by ", "--sent from", "please excuse typos", "please excuse brevity", "please excuse my brevity", "excuse typos", "pardon typos",
}

// mobileTails end such lines where the language puts the device first.
var mobileTails = []string{"から送信", "から送信されました", "gesendet", "gönderildi", "에서 보냄", "에서 보낸 메일", "lähetetty", "üzenetet küldték", "küldve", "发送", "傳送", "傳來"}

// devices make a line with a mobile tail a signature and not a sentence.
var devices = []string{"iphon", "ipad", "android", "outlook", "blackberry", "samsung", "galaxy", "smartphone", "handy", "mobil", "windows", "tablet", "huawei", "xiaomi", "htc", "nokia", "sony", "lumia", "yahoo", "gmail", "mail", "ios", "phone", "device", "droid", "pixel", "nexus", "telefon", "teléfono", "téléphone", "telefono", "cellulare", "móvil", "celular", "spark", "superhuman", "nine", "aol", " app", "почт", "canary", "tuta", "on the move"}

// closings stand alone above a name at the end of a mail.
var closings = map[string]bool{
	"regards": true, "best regards": true, "kind regards": true, "kindest regards": true, "warm regards": true, "warmest regards": true,
	"with regards": true, "with kind regards": true, "with best regards": true, "many regards": true, "best": true, "all the best": true,
	"best wishes": true, "sincerely": true, "sincerely yours": true, "yours sincerely": true, "yours faithfully": true, "yours truly": true,
	"respectfully": true, "cheers": true, "thanks": true, "thank you": true, "many thanks": true, "thanks and regards": true, "thanks & regards": true,
	"thanks and best regards": true, "thanks in advance": true, "br": true, "rgds": true, "kr": true, "cordially": true, "warmly": true,
	"take care": true, "with appreciation": true, "mit freundlichen grüßen": true, "mit freundlichen gruessen": true, "mit freundlichem gruß": true,
	"mit freundlichem gruss": true, "freundliche grüße": true, "freundliche grüsse": true, "viele grüße": true, "viele grüsse": true,
	"beste grüße": true, "beste grüsse": true, "herzliche grüße": true, "liebe grüße": true, "schöne grüße": true, "mfg": true, "lg": true, "vg": true,
	"gruß": true, "grüße": true, "danke": true, "vielen dank": true, "hochachtungsvoll": true, "mit besten grüßen": true, "cordialement": true,
	"bien cordialement": true, "bien à vous": true, "salutations": true, "meilleures salutations": true, "sincères salutations": true, "merci": true,
	"merci d'avance": true, "cdlt": true, "bonne journée": true, "respectueusement": true, "saludos": true, "un saludo": true, "saludos cordiales": true,
	"un cordial saludo": true, "atentamente": true, "gracias": true, "muchas gracias": true, "cordiali saluti": true, "distinti saluti": true,
	"saluti": true, "un saluto": true, "grazie": true, "atenciosamente": true, "cumprimentos": true, "com os melhores cumprimentos": true,
	"abraços": true, "obrigado": true, "obrigada": true, "att": true, "met vriendelijke groet": true, "met vriendelijke groeten": true,
	"vriendelijke groet": true, "vriendelijke groeten": true, "groeten": true, "groet": true, "mvg": true, "bedankt": true, "alvast bedankt": true,
	"med vänliga hälsningar": true, "med vänlig hälsning": true, "vänliga hälsningar": true, "hälsningar": true, "mvh": true, "tack": true,
	"med venlig hilsen": true, "venlig hilsen": true, "hilsen": true, "med vennlig hilsen": true, "vennlig hilsen": true, "takk": true, "tak": true,
	"ystävällisin terveisin": true, "terveisin": true, "kiitos": true, "s pozdravem": true, "s přátelským pozdravem": true, "děkuji": true,
	"s pozdravom": true, "ďakujem": true, "z poważaniem": true, "pozdrawiam": true, "z wyrazami szacunku": true, "dziękuję": true, "üdvözlettel": true,
	"tisztelettel": true, "köszönettel": true, "köszönöm": true, "cu stimă": true, "cu respect": true, "mulțumesc": true, "lijep pozdrav": true,
	"srdačan pozdrav": true, "lep pozdrav": true, "с уважением": true, "спасибо": true, "з повагою": true, "дякую": true, "с уважение": true,
	"поздрави": true, "με εκτίμηση": true, "ευχαριστώ": true, "saygılarımla": true, "saygılarımızla": true, "iyi çalışmalar": true, "teşekkürler": true,
	"trân trọng": true, "salam": true, "terima kasih": true, "hormat saya": true, "此致": true, "谢谢": true, "謝謝": true, "敬上": true, "祝好": true,
	"よろしくお願いいたします": true, "よろしくお願いします": true, "敬具": true, "감사합니다": true, "בברכה": true, "تحياتي": true,
}

// disclaimers are found in the last paragraphs of a mail and hold no customer's words.
var disclaimers = []string{
	"this email and any attachments", "this e-mail and any attachments", "this email and any files", "this e-mail and any files", "this message and any attachments", "this e-mail message", "this email message is", "this message is intended", "this email is intended", "this e-mail is intended", "this email is confidential", "this e-mail is confidential", "this message contains confidential", "this email contains confidential", "this e-mail contains confidential", "this communication is", "this transmission", "the information contained in this", "the information in this email", "the information in this e-mail", "the contents of this email", "the contents of this e-mail", "the content of this email", "the content of this message is confidential", "if you are not the intended recipient", "if you have received this email in error", "if you have received this e-mail in error", "if you have received this message in error", "confidentiality notice", "confidentiality note", "confidential:", "confidential notice", "disclaimer:", "disclaimer", "legal notice", "important notice", "notice:", "privileged", "unless otherwise stated, this email",
	"please consider the environment", "consider the environment before printing", "think before you print", "save a tree", "please don't print this", "this email has been checked for viruses", "this e-mail has been checked for viruses", "this email has been scanned", "virus-free", "no virus found in this message", "this message has been scanned", "scanned by mailscanner",
	"diese e-mail enthält vertrauliche", "diese email enthält vertrauliche", "diese nachricht enthält vertrauliche", "der inhalt dieser e-mail", "der inhalt dieser email", "diese e-mail ist vertraulich", "diese nachricht ist vertraulich", "diese e-mail und ihre anhänge", "die information in dieser", "bitte denken sie an die umwelt", "bitte prüfen sie, ob diese", "vertraulichkeitshinweis", "haftungsausschluss", "diese e-mail wurde von avast", "diese mail wurde auf viren",
	"ce message et toutes les pièces jointes", "ce message et les pièces jointes", "ce courriel et", "ce message est confidentiel", "ce message (et", "ce message, ainsi que", "les informations contenues dans ce", "pensez à l'environnement", "n'imprimez ce", "avant d'imprimer", "avis de confidentialité",
	"este mensaje y", "este mensaje va dirigido", "este mensaje es confidencial", "este correo electrónico", "este correo y", "la información contenida en este", "aviso legal", "aviso de confidencialidad", "antes de imprimir", "esta mensagem", "este e-mail", "este email", "a informação contida nesta", "aviso legal", "aviso de confidencialidade", "questo messaggio", "questa e-mail", "questa email", "le informazioni contenute", "prima di stampare", "riservatezza", "ai sensi del",
	"dit bericht", "deze e-mail", "dit e-mailbericht", "de informatie verzonden", "de inhoud van dit bericht", "detta meddelande", "detta e-postmeddelande", "denne e-mail", "denne e-posten", "denne meddelelse", "denne meldingen", "tämä viesti", "tämä sähköposti", "tento e-mail", "tato zpráva", "obsah tohoto", "táto správa", "ta wiadomość", "niniejsza wiadomość", "treść tej wiadomości", "ez az üzenet", "ez az e-mail", "acest mesaj", "acest e-mail", "данное сообщение", "это сообщение", "настоящее сообщение", "это электронное", "це повідомлення", "bu e-posta", "bu mesaj", "bu ileti",
	"本邮件", "此邮件", "本電子郵件", "此電子郵件", "この電子メール", "このメール", "본 메일", "이 메일", "본 이메일",
}

// confidentialWords must stand beside those of disclaimers that are ordinary beginnings of sentences.
var confidentialWords = []string{
	"confiden", "vertraulich", "vertrouwelijk", "privileg", "intended", "recipient", "disclos", "empfänger", "destinat", "riservat", "konfiden", "fortrolig", "luottamuksel", "důvěrn", "dôvern", "poufn", "bizalmas", "конфиденц", "конфіденц", "gizli", "virus", "viren", "print", "imprim", "stampar", "drucken", "ausdruck", "environment", "umwelt", "机密", "保密", "機密", "기밀", "unauthor", "unbefugt", "prohib", "liab", "legal",
}
