package bridge

import "testing"

func BenchmarkCompose(b *testing.B) {
	k, err := NewKeys(make([]byte, MinSecret), "example.com")
	if err != nil {
		b.Fatal(err)
	}
	c := testComposer()
	b.ReportAllocs()
	for b.Loop() {
		d := testDraft(customerSays(at(11, 6, 30), "Hello!"), customerSays(at(11, 6, 31), "Where do I change the invoice address? It still shows the old street."))
		if _, err := c.Compose(k, d); err != nil {
			b.Fatal(err)
		}
	}
}
