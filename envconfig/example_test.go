package envconfig_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/secrets"
)

func ExampleProduction() {
	env := envconfig.Production()
	env.Rules.Opaque.Names = []string{"warm-cache"}
	fmt.Println(env.Name, env.Tier, env.Validate())
	fmt.Println(env.Rules.Opaque.Has("warm-cache"), env.Rules.Opaque.Has("fix-it-quickly"))
	// Output:
	// prod production <nil>
	// true false
}

func ExampleStaging() {
	qa := envconfig.Staging()
	qa.Name = "qa-2"
	fmt.Println(qa.Name, qa.Tier, qa.Validate())
	// Output: qa-2 staging <nil>
}

func ExampleDevelopment() {
	env := envconfig.Development()
	fmt.Println(env.Rules.Payments)
	fmt.Println(env.Rules.Payments.Has(envconfig.PaymentsLive))
	// Output:
	// off or sandbox
	// false
}

func ExampleEnvironment_Validate() {
	fmt.Println(envconfig.Environment{}.Validate())
	prod := envconfig.Production()
	prod.Rules.Debug = envconfig.Allow(envconfig.Off, envconfig.On)
	fmt.Println(prod.Validate())
	// Output:
	// Environment: want an environment, got the zero one (rule: is chosen on purpose); begin with envconfig.Development(), envconfig.Staging() or envconfig.Production()
	// Rules.Debug: want nothing but off, got on as well (rule: is no laxer than the production tier); take it out; where it must be, Exempt records who allows it, why and until when
}

func ExampleEnvironment_Derive() {
	dev := envconfig.Development()
	rules := dev.Rules
	rules.Payments = envconfig.Allow(envconfig.PaymentsOff, envconfig.PaymentsLive) // live is refused all the same
	demo, err := dev.Derive("demo", rules)
	fmt.Println(demo.Name, demo.Rules.Payments, err)

	rules.Payments = envconfig.Allow(envconfig.PaymentsLive)
	_, err = dev.Derive("shop", rules)
	fmt.Println(err)
	// Output:
	// demo off <nil>
	// Rules.Payments: want some of off or sandbox, which dev allows, got live (rule: allows something); begin with a copy of the rules of dev, and take out less
}

func ExampleEnvironment_Exempt() {
	env, err := envconfig.Production().Exempt(envconfig.Exemption{
		Field: "Rules.Debug", Allow: []string{"on"}, By: "Ada", Reason: "incident 42", Until: time.Now().Add(time.Hour),
	})
	fmt.Println(env.Rules.Debug, len(env.Exemptions), err)
	// Output: off or on 1 <nil>
}

func ExampleEnvironment_Check() {
	settings := envconfig.Settings{
		Payments: envconfig.PaymentsLive, Debug: envconfig.Off, RateLimits: envconfig.LimitsStrict, SeedData: envconfig.SeedRealistic,
		Mirrors: envconfig.MirrorsProduction, LogMasking: envconfig.On, HTTPS: envconfig.On, SecretsInCode: envconfig.Off,
		Backups: envconfig.On, Monitoring: envconfig.On, Alerts: envconfig.Off,
		Release: envconfig.ReleaseSettings{ZeroDowntime: envconfig.On, Approval: envconfig.Off, Health: envconfig.On, Watch: envconfig.On, MigrationBackup: envconfig.On},
	}
	fmt.Println(envconfig.Staging().Check(settings))
	// Output: Settings.Payments: want sandbox, got "live" (rule: is one that stg allows); choose one that is allowed; where that cannot be, see Environment.Exempt
}

func ExampleEnvironment_CheckValues() {
	fmt.Println(envconfig.Staging().CheckValues([]envconfig.Variable{
		{Name: "STRIPE_KEY", Value: secrets.New("sk_live_51H8"), Secret: true},
		{Name: "API_URL", Value: secrets.New("http://api.masaruk.org")},
	}))
	// Output:
	// STRIPE_KEY: want a key or a server for sandbox, got one for live (rule: is for payments that the environment allows); use what the provider gives out for stg, and replace a live key that was stored elsewhere
	// API_URL: want https://, got http:// to a public host (rule: is encrypted where it is reachable from outside); serve it over https; a host that is not public needs a private name or address
}

// exampleSnapshot returns a snapshot of two variables.
func exampleSnapshot(env envconfig.Environment, pool, password string) envconfig.Snapshot {
	f, err := secrets.NewFingerprinter(secrets.New(strings.Repeat("not a random key", 2)))
	if err != nil {
		panic(err)
	}
	s := envconfig.Snapshot{Version: envconfig.SnapshotVersion, Environment: env.Name, Tier: env.Tier, Entries: []envconfig.Entry{
		{Variable: "DB_POOL_MAX", Type: "int", Set: true}, {Variable: "DB_PASSWORD", Type: "secret", Secret: true, Set: true},
	}}
	s.Entries[0].Hold(secrets.New(pool), f)
	s.Entries[1].Hold(secrets.New(password), f)
	return s
}

func ExampleDiff() {
	prod := exampleSnapshot(envconfig.Production(), "20", "one password")
	stg := exampleSnapshot(envconfig.Staging(), "5", "another password")
	d, err := envconfig.Diff(prod, stg, envconfig.Exception{Variable: "DB_POOL_MAX", Reason: "a smaller server"}, envconfig.Exception{Variable: "PORT", Reason: "it was 80 once"})
	fmt.Print(d)
	fmt.Println(err, d.Err())
	// Output:
	// stg against prod: 0 differ, 2 differ but are allowed, stale exceptions: 1
	// differs-but-allowed  DB_PASSWORD  prod: a secret  stg: another secret  (each environment has secrets of its own)
	// differs-but-allowed  DB_POOL_MAX  prod: "20"      stg: "5"             (a smaller server)
	// stale exception      PORT         differs                              (it was 80 once)
	// <nil> PORT: want a difference between prod and stg, got none (rule: needs its exception (differs)); remove the exception
}

func ExampleCheckShared() {
	prod := exampleSnapshot(envconfig.Production(), "20", "the same password")
	stg := exampleSnapshot(envconfig.Staging(), "20", "the same password")
	fmt.Println(envconfig.CheckShared(prod, stg))
	// Output: DB_PASSWORD: want a secret of its own in prod and in stg, got the same as in "DB_PASSWORD" of stg (rule: is of one environment); make another one for the environment that matters less, and replace it in the other if it was seen there
}
