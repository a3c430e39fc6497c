package envconfig_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/secrets"
)

// hiddenText is a part of values that no error may show.
const hiddenText = "Z9qCanary7Xw"

// environments returns the three, by one letter each.
func environments() map[rune]envconfig.Environment {
	return map[rune]envconfig.Environment{'d': envconfig.Development(), 's': envconfig.Staging(), 'p': envconfig.Production()}
}

// refusals are values with the environments that refuse them and how often.
var refusals = []struct {
	name, value string
	secret      bool
	refused     string // letters of environments
	rule        string
}{
	{"STRIPE_KEY", "sk_live_" + hiddenText, true, "ds", "payments"},
	{"STRIPE_KEY", "rk_live_" + hiddenText, true, "ds", "payments"},
	{"NEXT_PUBLIC_STRIPE", "pk_live_" + hiddenText, false, "ds", "payments"},
	{"STRIPE_KEY", "sk_prod_" + hiddenText, true, "ds", "payments"},
	{"STRIPE_KEY", "sk_test_" + hiddenText, true, "p", "payments"},
	{"MOYASAR_PUBLISHABLE", "pk_test_" + hiddenText, false, "p", "payments"},
	{"CHECKOUT_KEY", "sk_sbox_" + hiddenText, true, "p", "payments"},
	{"PAYMOB_KEY", "egy_sk_test_" + hiddenText, true, "p", "payments"},
	{"PAYMOB_KEY", "egy_sk_live_" + hiddenText, true, "ds", "payments"},
	{"RAZORPAY_ID", "rzp_live_" + hiddenText, false, "ds", "payments"},
	{"FLUTTERWAVE", "FLWSECK_TEST-" + hiddenText + "-X", true, "p", "payments"},
	{"FLUTTERWAVE", "FLWSECK-" + hiddenText + "-X", true, "ds", "payments"},
	{"HEADERS", `{"authorization":"Bearer sk_live_` + hiddenText + `"}`, true, "ds", "payments"},
	{"NOT_A_KEY_YET", "sk_live_, then sk_live_" + hiddenText, true, "ds", "payments"},
	{"KEYS", "sk_test_1,sk_live_" + hiddenText, true, "dsp", "payments"},
	{"TASK", "task_live_" + hiddenText, false, "", ""},
	{"PREFIX", "sk_live_", false, "", ""},
	{"PAYPAL_URL", "https://api-m.sandbox.paypal.com/v1?" + hiddenText, false, "p", "payments"},
	{"PAYPAL_URL", "https://api-m.paypal.com/v1?" + hiddenText, false, "ds", "payments"},
	{"PAYPAL_URL", "https://API-M.PayPal.com./v1?" + hiddenText, false, "ds", "payments"},
	{"HYPERPAY_URL", "https://eu-test.oppwa.com/" + hiddenText, false, "p", "payments"},
	{"HYPERPAY_URL", "https://eu-prod.oppwa.com/" + hiddenText, false, "ds", "payments"},
	{"ADYEN_URL", "https://" + hiddenText + "-checkout-live.adyenpayments.com/", false, "ds", "payments"},
	{"ADYEN_URL", "https://checkout-test.adyen.com/" + hiddenText, false, "p", "payments"},
	{"CHECKOUT_URL", "https://abcd.api.sandbox.checkout.com/" + hiddenText, false, "p", "payments"},
	{"CHECKOUT_URL", "https://abcd.api.checkout.com/" + hiddenText, false, "ds", "payments"},
	{"CHECKOUT_URL", "https://notapi.checkout.com/" + hiddenText, false, "", ""},

	{"DEBUG", "*" + hiddenText, false, "sp", "fit for"},
	{"DEBUG", "", false, "", ""},
	{"app_debug", "TRUE", false, "sp", "fit for"},
	{"APP_DEBUG", " off ", false, "", ""},
	{"NODE_DEBUG", "http," + hiddenText, false, "sp", "fit for"},
	{"LOG_LEVEL", "Debug", false, "sp", "fit for"},
	{"API_LOG_LEVEL", "trace", false, "sp", "fit for"},
	{"PINO_LOG_LEVEL", "20", false, "sp", "fit for"},
	{"LOG_LEVEL", "info", false, "", ""},
	{"NODE_ENV", "development", false, "sp", "fit for"},
	{"NODE_ENV", "Production", false, "p", "fit for"},
	{"NODE_ENV", hiddenText, false, "p", "fit for"},
	{"NODE_ENV", "production", false, "", ""},
	{"NODE_OPTIONS", "--max-old-space-size=1 --inspect=0.0.0.0:9229 --title=" + hiddenText, false, "sp", "fit for"},
	{"NODE_OPTIONS", "--enable-source-maps", false, "", ""},

	{"API_URL", "http://api.masaruk.example.org/" + hiddenText, false, "dsp", "encrypted"},
	{"CORS_ORIGINS", "https://a.org,HTTP://b.org/" + hiddenText, false, "dsp", "encrypted"},
	{"ORIGINS", `["http:\/\/b.org\/` + hiddenText + `"]`, false, "dsp", "encrypted"},
	{"SOCKET_URL", "ws://live.masaruk.org/" + hiddenText, false, "dsp", "encrypted"},
	{"API_URL", "http://8.8.8.8/" + hiddenText, false, "dsp", "encrypted"},
	{"API_URL", "http://134744072/" + hiddenText, false, "dsp", "encrypted"},
	{"API_URL", "http://[2001:4860:4860::8888]:80/" + hiddenText, false, "dsp", "encrypted"},
	{"API_URL", "http://localhost@evil.org/" + hiddenText, false, "dsp", "encrypted"},
	{"API_URL", "http://localhost.evil.org/" + hiddenText, false, "dsp", "encrypted"},
	{"API_URL", "http://127.0.0.1.nip.io/" + hiddenText, false, "dsp", "encrypted"},
	{"API_URL", "http://user:" + hiddenText + "@a.org", true, "dsp", "encrypted"},
	{"API_URL", "http://db.internal.evil.org/" + hiddenText, false, "dsp", "encrypted"},
	{"API_URL", "http://100.128.0.1/" + hiddenText, false, "dsp", "encrypted"},
	{"API_URL", "http://[::ffff:100.64.0.1]/ http://100.64.0.1/", false, "", ""},
	{"API_URL", "http://localhost:3000", false, "", ""},
	{"API_URL", "http://app.localhost:3000", false, "", ""},
	{"API_URL", "http://127.0.0.1", false, "", ""},
	{"API_URL", "http://[::1]:3000/", false, "", ""},
	{"API_URL", "http://[::ffff:10.0.0.1]:3000/", false, "", ""},
	{"API_URL", "http://10.1.2.3:80, http://192.168.1.1 http://172.16.0.9/", false, "", ""},
	{"API_URL", "http://169.254.169.254/", false, "", ""},
	{"API_URL", "http://0.0.0.0:80", false, "", ""},
	{"API_URL", "http://api:3000/", false, "", ""},
	{"API_URL", "http://db.prod.internal/", false, "", ""},
	{"API_URL", "http://${HOST}.org/", false, "", ""},
	{"API_URL", "https://api.masaruk.org", false, "", ""},
	{"API_URL", "://", false, "", ""},
	{"NODE_TLS_REJECT_UNAUTHORIZED", "0", false, "dsp", "encrypted"},
	{"NODE_TLS_REJECT_UNAUTHORIZED", "1", false, "", ""},

	{"JWT_SECRET", "change-me", true, "sp", "is a secret"},
	{"JWT_SECRET", " 'ChangeMe' ", true, "sp", "is a secret"},
	{"JWT_SECRET", "changeme-" + hiddenText, true, "sp", "is a secret"},
	{"JWT_SECRET", "your_api_key", true, "sp", "is a secret"},
	{"JWT_SECRET", "your-" + hiddenText + "-here", true, "sp", "is a secret"},
	{"JWT_SECRET", "<" + hiddenText + ">", true, "sp", "is a secret"},
	{"JWT_SECRET", "${" + hiddenText + "}", true, "sp", "is a secret"},
	{"JWT_SECRET", "{{ " + hiddenText + " }}", true, "sp", "is a secret"},
	{"JWT_SECRET", "xxxxxxxx", true, "sp", "is a secret"},
	{"JWT_SECRET", hiddenText + secrets.Placeholder, true, "sp", "is a secret"},
	{"AWS_KEY", "AKIAIOSFODNN7EXAMPLE", true, "sp", "is a secret"},
	{"DATABASE_URL", "postgres://app:postgres@db.internal/" + hiddenText, true, "sp", "is a secret"},
	{"DATABASE_URL", "postgres://app:" + hiddenText + "@db.internal/app", true, "", ""},
	{"JWT_SECRET", "change-me", false, "", ""},
	{"JWT_SECRET", hiddenText, true, "", ""},
	{"JWT_SECRET", "", true, "", ""},
	{"JWT_SECRETS", `["` + hiddenText + `"]`, true, "", ""},
}

// TestCheckValues tries every value in every environment. What is refused is
// named, and shown neither in the error nor in its JSON.
func TestCheckValues(t *testing.T) {
	for _, c := range refusals {
		for letter, env := range environments() {
			err := env.CheckValues([]envconfig.Variable{{Name: "OTHER", Value: secrets.New("production")}, {Name: c.name, Value: secrets.New(c.value), Secret: c.secret}})
			if !strings.ContainsRune(c.refused, letter) {
				require.NoError(t, err, "%s=%s in %s", c.name, c.value, env.Name)
				continue
			}
			require.Error(t, err, "%s=%s in %s", c.name, c.value, env.Name)
			require.Equal(t, []string{c.name}, fields(t, err), "%s in %s", c.value, env.Name)
			require.ErrorContains(t, err, c.rule)
			requireNoPart(t, err, c.value)
		}
	}
}

// requireNoPart fails if the error or its JSON shows hiddenText, or the value.
func requireNoPart(t *testing.T, err error, value string) {
	for _, e := range []error{err, err.(interface{ Unwrap() []error }).Unwrap()[0]} {
		raw, jsonErr := json.Marshal(e)
		require.NoError(t, jsonErr)
		for _, text := range []string{e.Error(), string(raw)} {
			require.NotContains(t, text, hiddenText)
			if len(value) > 12 {
				require.NotContains(t, text, value)
			}
		}
	}
}

// TestCheckValuesFollowsTheRules and not the tier, where there is a rule.
func TestCheckValuesFollowsTheRules(t *testing.T) {
	test := []envconfig.Variable{{Name: "KEY", Value: secrets.New("sk_test_1234")}}
	lax, err := envconfig.Production().Exempt(sandboxed())
	require.NoError(t, err)
	require.NoError(t, lax.CheckValues(test))
	dev := envconfig.Development()
	dev.Rules.Payments, dev.Rules.Debug = envconfig.Allow(envconfig.PaymentsOff), envconfig.Allow(envconfig.Off)
	require.Equal(t, []string{"KEY"}, fields(t, dev.CheckValues(test)))
	require.Equal(t, []string{"DEBUG"}, fields(t, dev.CheckValues([]envconfig.Variable{{Name: "DEBUG", Value: secrets.New("1")}})))
	require.Equal(t, []string{"Environment"}, fields(t, envconfig.Environment{}.CheckValues(test)))
}

// TestHostsAreNoPlaceholders, whatever they are called.
func TestHostsAreNoPlaceholders(t *testing.T) {
	refused := func(value string) bool {
		err := envconfig.Staging().CheckValues([]envconfig.Variable{{Name: "DATABASE_URL", Value: secrets.New(value), Secret: true}})
		return err != nil && strings.Contains(err.Error(), "a placeholder")
	}
	require.False(t, refused("postgres://app:kY8-uT2.qq@db.example.com/sample"))
	require.True(t, refused("postgres://app:example@db.internal/app"))
	require.True(t, refused("postgres://app:<password>@db.internal/app"))
}

// TestCheckValuesReportsEverythingAtOnce.
func TestCheckValuesReportsEverythingAtOnce(t *testing.T) {
	err := envconfig.Production().CheckValues([]envconfig.Variable{
		{Name: "URLS", Value: secrets.New("sk_test_1 http://a.org " + secrets.Placeholder), Secret: true},
		{Name: "DEBUG", Value: secrets.New("1")},
	})
	require.Equal(t, []string{"URLS", "URLS", "URLS", "DEBUG"}, fields(t, err))
}

// FuzzCheckValues shows no part of a value that is not in every such error.
func FuzzCheckValues(f *testing.F) {
	for _, c := range refusals {
		f.Add(c.name, c.value, c.secret)
	}
	f.Fuzz(func(t *testing.T, name, value string, secret bool) {
		for _, env := range environments() {
			marked := value + hiddenText
			err := env.CheckValues([]envconfig.Variable{{Name: name, Value: secrets.New(marked), Secret: secret}})
			if err != nil && !strings.Contains(name, hiddenText) {
				require.NotContains(t, err.Error(), hiddenText)
			}
			e := envconfig.Entry{Variable: "X", Secret: secret, Set: true}
			e.Hold(secrets.New(marked), nil)
			if secret {
				raw, err := json.Marshal(e)
				require.NoError(t, err)
				require.NotContains(t, string(raw), hiddenText)
			}
			s := envconfig.Snapshot{Version: envconfig.SnapshotVersion, Environment: "stg", Tier: envconfig.TierStaging, Entries: []envconfig.Entry{e}}
			require.NoError(t, s.Validate(), "what Hold made is not valid")
		}
	})
}
