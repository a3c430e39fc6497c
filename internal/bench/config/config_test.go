package config_test

import (
	"net/url"
	"strconv"
	"strings"
	"time"
)

// shape is what every parser fills in: 30 fields in 4 levels. The types of the
// parsers differ from it in their tags only, so each converts to it.
type shape struct {
	Env, Name string
	Port      int
	PublicURL url.URL
	CORS      []string
	Timeout   time.Duration
	DB        struct {
		URL            url.URL
		Min, Max       int
		Idle, Lifetime time.Duration
		SSL            bool
	}
	Redis struct {
		URL     url.URL
		TLS     bool
		Retries int
		Timeout time.Duration
	}
	Payment struct {
		Mode       string
		Currencies []string
		Stripe     struct {
			Key     string
			Timeout time.Duration
			Retries int
			Webhook struct {
				Secret    string
				Tolerance time.Duration
				Events    []string
			}
		}
	}
	Mail struct {
		Host string
		Port uint16
		From string
	}
	Log struct {
		Level  string
		Sample float64
		JSON   bool
	}
}

// variables are the texts of the 30 fields. Secrets in them are plainly fake.
func variables() map[string]string {
	return map[string]string{
		"ENV": "staging", "NAME": "api", "PORT": "8080", "PUBLIC_URL": "https://api.example.com/v1", "CORS": "https://a.example.com,https://b.example.com",
		"TIMEOUT": "30s", "DB_URL": "postgres://app@db.internal:5432/app?sslmode=require", "DB_MIN": "2", "DB_MAX": "20", "DB_IDLE": "5m", "DB_LIFETIME": "1h",
		"DB_SSL": "true", "REDIS_URL": "redis://cache.internal:6379/0", "REDIS_TLS": "false", "REDIS_RETRIES": "3", "REDIS_TIMEOUT": "250ms",
		"PAYMENT_MODE": "sandbox", "PAYMENT_CURRENCIES": "SAR,AED,USD", "PAYMENT_STRIPE_KEY": "not-a-key", "PAYMENT_STRIPE_TIMEOUT": "10s",
		"PAYMENT_STRIPE_RETRIES": "2", "PAYMENT_STRIPE_WEBHOOK_SECRET": "not-a-secret", "PAYMENT_STRIPE_WEBHOOK_TOLERANCE": "5m",
		"PAYMENT_STRIPE_WEBHOOK_EVENTS": "charge.succeeded,charge.failed", "MAIL_HOST": "smtp.example.com", "MAIL_PORT": "587", "MAIL_FROM": "ops@example.com",
		"LOG_LEVEL": "info", "LOG_SAMPLE": "0.25", "LOG_JSON": "true",
	}
}

// others are variables of somebody else, as a process has them.
func others() map[string]string {
	all := map[string]string{}
	for i := range 40 {
		all["SOMEBODY_ELSES_"+strconv.Itoa(i)] = "value of somebody else " + strconv.Itoa(i)
	}
	return all
}

// hand is the parse that a careful programmer writes by hand: every variable
// has to be there, the first problem ends it.
type hand struct {
	lookup func(string) (string, bool)
	err    error
}

type missing string

func (m missing) Error() string { return string(m) + " is not set" }

func (h *hand) text(name string) string {
	text, ok := h.lookup(name)
	if !ok && h.err == nil {
		h.err = missing(name)
	}
	return text
}

func parsed[T any](h *hand, name string, parse func(string) (T, error)) T {
	v, err := parse(h.text(name))
	if err != nil && h.err == nil {
		h.err = err
	}
	return v
}

func (h *hand) url(name string) url.URL {
	u := parsed(h, name, url.Parse)
	if u == nil {
		return url.URL{}
	}
	return *u
}

func (h *hand) list(name string) []string {
	list := strings.Split(h.text(name), ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

func (h *hand) duration(name string) time.Duration { return parsed(h, name, time.ParseDuration) }
func (h *hand) int(name string) int                { return parsed(h, name, strconv.Atoi) }
func (h *hand) bool(name string) bool              { return parsed(h, name, strconv.ParseBool) }

func (h *hand) parse() (c shape, err error) {
	c.Env, c.Name, c.Port, c.PublicURL = h.text("ENV"), h.text("NAME"), h.int("PORT"), h.url("PUBLIC_URL")
	c.CORS, c.Timeout = h.list("CORS"), h.duration("TIMEOUT")
	c.DB.URL, c.DB.Min, c.DB.Max, c.DB.SSL = h.url("DB_URL"), h.int("DB_MIN"), h.int("DB_MAX"), h.bool("DB_SSL")
	c.DB.Idle, c.DB.Lifetime = h.duration("DB_IDLE"), h.duration("DB_LIFETIME")
	c.Redis.URL, c.Redis.TLS, c.Redis.Retries = h.url("REDIS_URL"), h.bool("REDIS_TLS"), h.int("REDIS_RETRIES")
	c.Redis.Timeout = h.duration("REDIS_TIMEOUT")
	c.Payment.Mode, c.Payment.Currencies = h.text("PAYMENT_MODE"), h.list("PAYMENT_CURRENCIES")
	s := &c.Payment.Stripe
	s.Key, s.Timeout, s.Retries = h.text("PAYMENT_STRIPE_KEY"), h.duration("PAYMENT_STRIPE_TIMEOUT"), h.int("PAYMENT_STRIPE_RETRIES")
	s.Webhook.Secret, s.Webhook.Tolerance = h.text("PAYMENT_STRIPE_WEBHOOK_SECRET"), h.duration("PAYMENT_STRIPE_WEBHOOK_TOLERANCE")
	s.Webhook.Events = h.list("PAYMENT_STRIPE_WEBHOOK_EVENTS")
	port := parsed(h, "MAIL_PORT", func(s string) (uint64, error) { return strconv.ParseUint(s, 10, 16) })
	c.Mail.Host, c.Mail.Port, c.Mail.From = h.text("MAIL_HOST"), uint16(port), h.text("MAIL_FROM")
	c.Log.Level, c.Log.JSON = h.text("LOG_LEVEL"), h.bool("LOG_JSON")
	c.Log.Sample = parsed(h, "LOG_SAMPLE", func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })
	return c, h.err
}
