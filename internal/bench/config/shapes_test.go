package config_test

import (
	"net/url"
	"time"
)

// ours is the shape for package envconfig.
type ours struct {
	Env       string        `env:"ENV"`
	Name      string        `env:"NAME"`
	Port      int           `env:"PORT"`
	PublicURL url.URL       `env:"PUBLIC_URL"`
	CORS      []string      `env:"CORS"`
	Timeout   time.Duration `env:"TIMEOUT"`
	DB        struct {
		URL      url.URL       `env:"URL"`
		Min      int           `env:"MIN"`
		Max      int           `env:"MAX"`
		Idle     time.Duration `env:"IDLE"`
		Lifetime time.Duration `env:"LIFETIME"`
		SSL      bool          `env:"SSL"`
	} `env:"DB"`
	Redis struct {
		URL     url.URL       `env:"URL"`
		TLS     bool          `env:"TLS"`
		Retries int           `env:"RETRIES"`
		Timeout time.Duration `env:"TIMEOUT"`
	} `env:"REDIS"`
	Payment struct {
		Mode       string   `env:"MODE"`
		Currencies []string `env:"CURRENCIES"`
		Stripe     struct {
			Key     string        `env:"KEY"`
			Timeout time.Duration `env:"TIMEOUT"`
			Retries int           `env:"RETRIES"`
			Webhook struct {
				Secret    string        `env:"SECRET"`
				Tolerance time.Duration `env:"TOLERANCE"`
				Events    []string      `env:"EVENTS"`
			} `env:"WEBHOOK"`
		} `env:"STRIPE"`
	} `env:"PAYMENT"`
	Mail struct {
		Host string `env:"HOST"`
		Port uint16 `env:"PORT"`
		From string `env:"FROM"`
	} `env:"MAIL"`
	Log struct {
		Level  string  `env:"LEVEL"`
		Sample float64 `env:"SAMPLE"`
		JSON   bool    `env:"JSON"`
	} `env:"LOG"`
}

// sethvargoShape is the shape for sethvargo/go-envconfig.
type sethvargoShape struct {
	Env       string        `env:"ENV, required"`
	Name      string        `env:"NAME, required"`
	Port      int           `env:"PORT, required"`
	PublicURL url.URL       `env:"PUBLIC_URL, required"`
	CORS      []string      `env:"CORS, required"`
	Timeout   time.Duration `env:"TIMEOUT, required"`
	DB        struct {
		URL      url.URL       `env:"URL, required"`
		Min      int           `env:"MIN, required"`
		Max      int           `env:"MAX, required"`
		Idle     time.Duration `env:"IDLE, required"`
		Lifetime time.Duration `env:"LIFETIME, required"`
		SSL      bool          `env:"SSL, required"`
	} `env:", prefix=DB_"`
	Redis struct {
		URL     url.URL       `env:"URL, required"`
		TLS     bool          `env:"TLS, required"`
		Retries int           `env:"RETRIES, required"`
		Timeout time.Duration `env:"TIMEOUT, required"`
	} `env:", prefix=REDIS_"`
	Payment struct {
		Mode       string   `env:"MODE, required"`
		Currencies []string `env:"CURRENCIES, required"`
		Stripe     struct {
			Key     string        `env:"KEY, required"`
			Timeout time.Duration `env:"TIMEOUT, required"`
			Retries int           `env:"RETRIES, required"`
			Webhook struct {
				Secret    string        `env:"SECRET, required"`
				Tolerance time.Duration `env:"TOLERANCE, required"`
				Events    []string      `env:"EVENTS, required"`
			} `env:", prefix=WEBHOOK_"`
		} `env:", prefix=STRIPE_"`
	} `env:", prefix=PAYMENT_"`
	Mail struct {
		Host string `env:"HOST, required"`
		Port uint16 `env:"PORT, required"`
		From string `env:"FROM, required"`
	} `env:", prefix=MAIL_"`
	Log struct {
		Level  string  `env:"LEVEL, required"`
		Sample float64 `env:"SAMPLE, required"`
		JSON   bool    `env:"JSON, required"`
	} `env:", prefix=LOG_"`
}

// caarlos0Shape is the shape for caarlos0/env.
type caarlos0Shape struct {
	Env       string        `env:"ENV,required"`
	Name      string        `env:"NAME,required"`
	Port      int           `env:"PORT,required"`
	PublicURL url.URL       `env:"PUBLIC_URL,required"`
	CORS      []string      `env:"CORS,required"`
	Timeout   time.Duration `env:"TIMEOUT,required"`
	DB        struct {
		URL      url.URL       `env:"URL,required"`
		Min      int           `env:"MIN,required"`
		Max      int           `env:"MAX,required"`
		Idle     time.Duration `env:"IDLE,required"`
		Lifetime time.Duration `env:"LIFETIME,required"`
		SSL      bool          `env:"SSL,required"`
	} `envPrefix:"DB_"`
	Redis struct {
		URL     url.URL       `env:"URL,required"`
		TLS     bool          `env:"TLS,required"`
		Retries int           `env:"RETRIES,required"`
		Timeout time.Duration `env:"TIMEOUT,required"`
	} `envPrefix:"REDIS_"`
	Payment struct {
		Mode       string   `env:"MODE,required"`
		Currencies []string `env:"CURRENCIES,required"`
		Stripe     struct {
			Key     string        `env:"KEY,required"`
			Timeout time.Duration `env:"TIMEOUT,required"`
			Retries int           `env:"RETRIES,required"`
			Webhook struct {
				Secret    string        `env:"SECRET,required"`
				Tolerance time.Duration `env:"TOLERANCE,required"`
				Events    []string      `env:"EVENTS,required"`
			} `envPrefix:"WEBHOOK_"`
		} `envPrefix:"STRIPE_"`
	} `envPrefix:"PAYMENT_"`
	Mail struct {
		Host string `env:"HOST,required"`
		Port uint16 `env:"PORT,required"`
		From string `env:"FROM,required"`
	} `envPrefix:"MAIL_"`
	Log struct {
		Level  string  `env:"LEVEL,required"`
		Sample float64 `env:"SAMPLE,required"`
		JSON   bool    `env:"JSON,required"`
	} `envPrefix:"LOG_"`
}

// kelseyShape is the shape for kelseyhightower/envconfig.
type kelseyShape struct {
	Env       string        `envconfig:"ENV" required:"true"`
	Name      string        `envconfig:"NAME" required:"true"`
	Port      int           `envconfig:"PORT" required:"true"`
	PublicURL url.URL       `envconfig:"PUBLIC_URL" required:"true"`
	CORS      []string      `envconfig:"CORS" required:"true"`
	Timeout   time.Duration `envconfig:"TIMEOUT" required:"true"`
	DB        struct {
		URL      url.URL       `envconfig:"URL" required:"true"`
		Min      int           `envconfig:"MIN" required:"true"`
		Max      int           `envconfig:"MAX" required:"true"`
		Idle     time.Duration `envconfig:"IDLE" required:"true"`
		Lifetime time.Duration `envconfig:"LIFETIME" required:"true"`
		SSL      bool          `envconfig:"SSL" required:"true"`
	} `envconfig:"DB"`
	Redis struct {
		URL     url.URL       `envconfig:"URL" required:"true"`
		TLS     bool          `envconfig:"TLS" required:"true"`
		Retries int           `envconfig:"RETRIES" required:"true"`
		Timeout time.Duration `envconfig:"TIMEOUT" required:"true"`
	} `envconfig:"REDIS"`
	Payment struct {
		Mode       string   `envconfig:"MODE" required:"true"`
		Currencies []string `envconfig:"CURRENCIES" required:"true"`
		Stripe     struct {
			Key     string        `envconfig:"KEY" required:"true"`
			Timeout time.Duration `envconfig:"TIMEOUT" required:"true"`
			Retries int           `envconfig:"RETRIES" required:"true"`
			Webhook struct {
				Secret    string        `envconfig:"SECRET" required:"true"`
				Tolerance time.Duration `envconfig:"TOLERANCE" required:"true"`
				Events    []string      `envconfig:"EVENTS" required:"true"`
			} `envconfig:"WEBHOOK"`
		} `envconfig:"STRIPE"`
	} `envconfig:"PAYMENT"`
	Mail struct {
		Host string `envconfig:"HOST" required:"true"`
		Port uint16 `envconfig:"PORT" required:"true"`
		From string `envconfig:"FROM" required:"true"`
	} `envconfig:"MAIL"`
	Log struct {
		Level  string  `envconfig:"LEVEL" required:"true"`
		Sample float64 `envconfig:"SAMPLE" required:"true"`
		JSON   bool    `envconfig:"JSON" required:"true"`
	} `envconfig:"LOG"`
}

// cleanenvShape is the shape for cleanenv.
type cleanenvShape struct {
	Env       string        `env:"ENV" env-required:"true"`
	Name      string        `env:"NAME" env-required:"true"`
	Port      int           `env:"PORT" env-required:"true"`
	PublicURL url.URL       `env:"PUBLIC_URL" env-required:"true"`
	CORS      []string      `env:"CORS" env-required:"true"`
	Timeout   time.Duration `env:"TIMEOUT" env-required:"true"`
	DB        struct {
		URL      url.URL       `env:"URL" env-required:"true"`
		Min      int           `env:"MIN" env-required:"true"`
		Max      int           `env:"MAX" env-required:"true"`
		Idle     time.Duration `env:"IDLE" env-required:"true"`
		Lifetime time.Duration `env:"LIFETIME" env-required:"true"`
		SSL      bool          `env:"SSL" env-required:"true"`
	} `env-prefix:"DB_"`
	Redis struct {
		URL     url.URL       `env:"URL" env-required:"true"`
		TLS     bool          `env:"TLS" env-required:"true"`
		Retries int           `env:"RETRIES" env-required:"true"`
		Timeout time.Duration `env:"TIMEOUT" env-required:"true"`
	} `env-prefix:"REDIS_"`
	Payment struct {
		Mode       string   `env:"MODE" env-required:"true"`
		Currencies []string `env:"CURRENCIES" env-required:"true"`
		Stripe     struct {
			Key     string        `env:"KEY" env-required:"true"`
			Timeout time.Duration `env:"TIMEOUT" env-required:"true"`
			Retries int           `env:"RETRIES" env-required:"true"`
			Webhook struct {
				Secret    string        `env:"SECRET" env-required:"true"`
				Tolerance time.Duration `env:"TOLERANCE" env-required:"true"`
				Events    []string      `env:"EVENTS" env-required:"true"`
			} `env-prefix:"WEBHOOK_"`
		} `env-prefix:"STRIPE_"`
	} `env-prefix:"PAYMENT_"`
	Mail struct {
		Host string `env:"HOST" env-required:"true"`
		Port uint16 `env:"PORT" env-required:"true"`
		From string `env:"FROM" env-required:"true"`
	} `env-prefix:"MAIL_"`
	Log struct {
		Level  string  `env:"LEVEL" env-required:"true"`
		Sample float64 `env:"SAMPLE" env-required:"true"`
		JSON   bool    `env:"JSON" env-required:"true"`
	} `env-prefix:"LOG_"`
}
