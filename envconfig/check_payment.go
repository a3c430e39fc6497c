package envconfig

import (
	"slices"
	"strings"
)

// keyShape is how the keys of a provider begin.
type keyShape struct {
	begins string
	mode   Payments
	secret bool // and not a key that is published
}

// keyShapes are those that tell live from test by the key alone: sk_, rk_ and
// pk_ are those of Stripe, Moyasar, Tap and PayMongo, and after a country those
// of Paymob; sbox is Checkout.com's; rzp is Razorpay's; FLW is Flutterwave's.
// Moyasar's are from its documentation, the others from what is published
// about them; Paymob's live form is inferred from its test form.
var keyShapes = []keyShape{
	{"sk_live_", PaymentsLive, true},
	{"rk_live_", PaymentsLive, true},
	{"pk_live_", PaymentsLive, false},
	{"sk_prod_", PaymentsLive, true},
	{"rk_prod_", PaymentsLive, true},
	{"sk_test_", PaymentsSandbox, true},
	{"rk_test_", PaymentsSandbox, true},
	{"pk_test_", PaymentsSandbox, false},
	{"sk_sbox_", PaymentsSandbox, true},
	{"pk_sbox_", PaymentsSandbox, false},
	{"rzp_live_", PaymentsLive, false},
	{"rzp_test_", PaymentsSandbox, false},
	{"FLWSECK-", PaymentsLive, true},
	{"FLWPUBK-", PaymentsLive, false},
	{"FLWSECK_TEST-", PaymentsSandbox, true},
	{"FLWPUBK_TEST-", PaymentsSandbox, false},
}

// paymentHosts are the servers of providers whose keys look alike in both
// modes: PayPal, HyperPay (which runs on oppwa.com), Adyen and Checkout.com.
// A name that begins with "." or "-" is the end of one.
var paymentHosts = []struct {
	host string
	mode Payments
}{
	{"api-m.paypal.com", PaymentsLive},
	{"api.paypal.com", PaymentsLive},
	{".sandbox.paypal.com", PaymentsSandbox},
	{"eu-prod.oppwa.com", PaymentsLive},
	{"test.oppwa.com", PaymentsSandbox},
	{"eu-test.oppwa.com", PaymentsSandbox},
	{"-live.adyenpayments.com", PaymentsLive},
	{"live.adyen.com", PaymentsLive},
	{"-live.adyen.com", PaymentsLive},
	{"test.adyen.com", PaymentsSandbox},
	{"-test.adyen.com", PaymentsSandbox},
	{"api.checkout.com", PaymentsLive},
	{".api.checkout.com", PaymentsLive},
	{"api.sandbox.checkout.com", PaymentsSandbox},
	{".api.sandbox.checkout.com", PaymentsSandbox},
}

// keysIn returns the shapes of the payment keys in text, which may hold more
// than a key.
func keysIn(text string) []keyShape {
	var out []keyShape
	for _, k := range keyShapes {
		for i, from := strings.Index(text, k.begins), 0; i >= 0; {
			i += from
			from = i + len(k.begins)
			if (i == 0 || !isAlphanumeric(text[i-1])) && from < len(text) && isAlphanumeric(text[from]) {
				out = append(out, k)
				break
			}
			i = strings.Index(text[from:], k.begins)
		}
	}
	return out
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// secretMarks are what other secrets begin with or hold that should never be
// kept as plain values.
var secretMarks = []string{"PRIVATE KEY-----", "AGE-SECRET-KEY-1", "whsec_"}

// holdsSecret tells whether text holds a secret although it was declared as
// something else.
func holdsSecret(text string) bool {
	if slices.ContainsFunc(keysIn(text), func(k keyShape) bool { return k.secret }) {
		return true
	}
	if slices.ContainsFunc(addressesIn(text), func(a address) bool { return a.secret }) {
		return true
	}
	if len(databasesOf(text)) > 0 && strings.Contains(text, "@") {
		return true // a password with a "/" in it hides from the line above
	}
	if slices.ContainsFunc(secretMarks, func(m string) bool { return strings.Contains(text, m) }) {
		return true
	}
	lower := strings.ToLower(text) // connection strings, in any case
	return strings.Contains(lower, "password=") || strings.Contains(lower, "pwd=")
}

// checkPayments tells whether the keys and servers in text are for payments
// that the environment allows.
func (e Environment) checkPayments(v Variable, text string) []error {
	var found []Payments
	for _, k := range keysIn(text) {
		found = append(found, k.mode)
	}
	for _, a := range addressesIn(text) {
		for _, p := range paymentHosts {
			if a.host == p.host || strings.HasPrefix(p.host, ".") && strings.HasSuffix(a.host, p.host) ||
				strings.HasPrefix(p.host, "-") && strings.HasSuffix(a.host, p.host) {
				found = append(found, p.mode)
			}
		}
	}
	slices.Sort(found)
	var errs []error
	for _, mode := range slices.Compact(found) {
		if !e.Rules.Payments.Has(mode) {
			errs = append(errs, &Violation{
				Field: v.Name, Rule: "is for payments that the environment allows", Want: "a key or a server for " + e.Rules.Payments.String(),
				Got: "one for " + string(mode), Hint: "use what the provider gives out for " + e.Name + ", and replace a live key that was stored elsewhere",
			})
		}
	}
	return errs
}
