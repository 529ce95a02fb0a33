package mailparse

import "testing"

var bannerCases = []struct{ name, in, want string }{
	{"none", "Hello,\n\nthis email originated from me.", "Hello,\n\nthis email originated from me."},
	{"a bare tag", "[EXTERNAL]\n\nHello", "Hello"},
	{"a bare line", "EXTERNAL EMAIL\nHello", "Hello"},
	{"a caution on one line", "CAUTION: This email originated from outside of the organization. Do not click links or open attachments unless you recognize the sender and know the content is safe.\n\nHello", "Hello"},
	{"a caution over three lines, no blank line behind", "CAUTION: This email originated from outside of the organization. Do not\nclick links or open attachments unless you recognize the sender and know\nthe content is safe.\nHello\nworld", "Hello\nworld"},
	{"German", "ACHTUNG: Diese E-Mail stammt von einem externen Absender. Bitte öffnen Sie keine Anhänge.\n\nHallo", "Hallo"},
	{"French", "ATTENTION : Ce message provient de l'extérieur de l'organisation.\n\nBonjour", "Bonjour"},
	{"the tip in one line", "[You don't often get email from ada@example.org. Learn why this is important at https://aka.ms/LearnAboutSenderIdentification ]\n\nHello", "Hello"},
	{"the tip wrapped", "[You don't often get email from ada@example.org. Learn why this is\nimportant at https://aka.ms/LearnAboutSenderIdentification ]\n\nHello", "Hello"},
	{"the tip in French", "[Vous ne recevez pas souvent de courriers de ada@example.org. Découvrez pourquoi ceci est important à https://aka.ms/LearnAboutSenderIdentification ]\n\nBonjour", "Bonjour"},
	{"the tip without brackets", "You don't often get email from ada@example.org. Learn why this is important<https://aka.ms/LearnAboutSenderIdentification>\nHello", "Hello"},
	{"the tip behind a rewritten link", "You don't often get email from ada@example.org. Learn why this is important<https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Faka.ms%2FLearnAboutSenderIdentification&data=05%7C02%7Cben%40example.com%7C&reserved=0>\nHello", "Hello"},
	{"the tip in the middle", "FYI\n\n[Some people who received this message don't often get email from ada@example.org. Learn why this is important at https://aka.ms/LearnAboutSenderIdentification ]\nHello", "FYI\n\nHello"},
	{"tip and caution", "[You don't often get email from ada@example.org. Learn why this is important at https://aka.ms/LearnAboutSenderIdentification ]\nCAUTION: External sender\n\nHello", "Hello"},
	{"a sensitivity label", "[Confidential]\n\nHello", "Hello"},
	{"a classification", "Classification: Internal\n\nHello", "Hello"},
	{"a bracket of the writer's", "[Question]\n\nHello", "[Question]\n\nHello"},
	{"a caution further down is the writer's", "Hello,\n\nit says: CAUTION: This email originated from outside.", "Hello,\n\nit says: CAUTION: This email originated from outside."},
	{"empty", "", ""},
}

func TestDropBanners(t *testing.T) {
	for _, tt := range bannerCases {
		t.Run(tt.name, func(t *testing.T) {
			if got := dropBanners(tt.in); got != tt.want {
				t.Errorf("\n got %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestImageBlocked(t *testing.T) {
	for alt, want := range map[string]bool{"Image removed by sender.": true, "Image removed by sender. Intercom": true, "Bild wurde vom Absender entfernt": true, "An image": false, "": false} {
		if got := imageBlocked(alt); got != want {
			t.Errorf("%q: %v", alt, got)
		}
	}
}

func TestWithoutSignOff(t *testing.T) {
	for in, want := range map[string]string{
		"Hello\n\n-- \nBen":                 "Hello",
		"Hello\n\nSent from my iPhone":      "Hello",
		"Hello\nVon meinem iPhone gesendet": "Hello",
		"Sent from my desk, Ben is ill and will not come for the next two weeks, so please answer this one and the one of yesterday; thank you very much, and see you on Monday at ten": "Sent from my desk, Ben is ill and will not come for the next two weeks, so please answer this one and the one of yesterday; thank you very much, and see you on Monday at ten",
		"a -- b": "a -- b",
	} {
		if got := withoutSignOff(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
