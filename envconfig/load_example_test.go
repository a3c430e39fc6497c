package envconfig_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/envconfig/dotenv"
	"github.com/masaruk/devops/secrets"
)

type apiConfig struct {
	Port    int           `env:"PORT" default:"8080" min:"1" max:"65535" desc:"the port that the API listens on"`
	Public  url.URL       `env:"PUBLIC_URL" desc:"where clients reach it"`
	Timeout time.Duration `env:"TIMEOUT" default:"30s" min:"1s"`
	Payment struct {
		Mode string        `env:"MODE" oneof:"off,sandbox,live"`
		Key  secrets.Value `env:"KEY,file"`
	} `env:"PAYMENT"`
}

func (c *apiConfig) Validate() error {
	if c.Payment.Mode == "live" && c.Public.Scheme != "https" {
		return errors.New("live payments need an https PUBLIC_URL")
	}
	return nil
}

func ExampleLoad() {
	env := `
PUBLIC_URL=https://api.example.com
PAYMENT_MODE=sandbox
PAYMENT_KEY=not-a-real-key
`
	cfg, err := envconfig.Load[apiConfig](context.Background(), &envconfig.LoadOptions{Inputs: []envconfig.Input{
		envconfig.FromMap("flags", map[string]string{"PORT": "9090"}),
		envconfig.FromText(".env", env, dotenv.Node, nil),
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cfg.Value.Port, cfg.Value.Public.Host, cfg.Value.Payment.Key)
	for _, s := range cfg.Explain() {
		fmt.Printf("%s=%s from %s\n", s.Variable, s.Value, s.Origin)
	}
	// Output:
	// 9090 api.example.com [redacted]
	// PORT=9090 from flags
	// PUBLIC_URL=https://api.example.com from .env:2
	// TIMEOUT=30s from default
	// PAYMENT_MODE=sandbox from .env:3
	// PAYMENT_KEY=[redacted] from .env:4
}

func ExampleProblems() {
	_, err := envconfig.Load[apiConfig](context.Background(), &envconfig.LoadOptions{
		Owned:  []string{"PAYMENT_"},
		Inputs: []envconfig.Input{envconfig.FromText(".env", "PORT=web\nPUBLIC_URL=api.example.com\nPAYMENT_MODE=Live\nPAYMENT_KYE=not-a-real-key\n", dotenv.Node, nil)},
	})
	for _, p := range envconfig.Problems(err) {
		fmt.Println(p)
	}
	// Output:
	// PORT (Port) from .env:1 breaks the rule: is a whole number of 64 bits; write decimal digits only, such as 42
	// PUBLIC_URL (Public) from .env:2 breaks the rule: is an absolute URL; write it with its scheme and its host, such as https://example.com/path
	// PAYMENT_MODE (Payment.Mode) from .env:3 breaks the rule: is one of off, sandbox, live; choose one of them, in the same case
	// PAYMENT_KEY (Payment.Key) breaks the rule: is set; set it, or PAYMENT_KEY_FILE to the path of a file that holds it, in .env; PAYMENT_KYE from .env:4, which no field has, looks like it: did you mean that?
}

func ExampleNewLoader() {
	loader, err := envconfig.NewLoader[apiConfig](&envconfig.LoadOptions{Prefix: "API"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, d := range loader.Describe() {
		fmt.Println(d.Variable, d.Type, d.Required, d.Secret)
	}
	// Output:
	// API_PORT int false false
	// API_PUBLIC_URL URL true false
	// API_TIMEOUT duration false false
	// API_PAYMENT_MODE string true false
	// API_PAYMENT_KEY secret true true
}

func ExampleCheckGenerated() {
	loader, err := envconfig.NewLoader[apiConfig](nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	committed := "| variable | type | default | rules | what it is |\n"
	fmt.Println(envconfig.CheckGenerated("CONFIG.md", committed, loader.Describe().Markdown()) == nil)
	// Output: false
}

func ExampleSize() {
	var s envconfig.Size
	fmt.Println(s.UnmarshalText([]byte("64 MiB")), int64(s), s)
	// Output: <nil> 67108864 64MiB
}
