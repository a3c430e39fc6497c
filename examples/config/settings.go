package main

import (
	"cmp"
	"net/url"
	"time"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/secrets"
)

// Config is everything that the platform reads from its environment. The
// tags are all there is to say about a variable: loading, .env.example, the
// explanation and the comparison of environments follow from them.
type Config struct {
	NodeEnv  string   `env:"NODE_ENV" oneof:"development,production" desc:"What libraries take for the mode; staging mirrors production."`
	Port     uint16   `env:"PORT" default:"3000" min:"1024" desc:"Where the API listens."`
	API      url.URL  `env:"API_URL" desc:"The API, as clients reach it."`
	Public   Public   `env:"NEXT_PUBLIC" desc:"What the web portals publish in their JavaScript."`
	Log      Log      `env:"LOG"`
	Database Database `env:"DATABASE"`

	RedisURL     secrets.Value `env:"REDIS_URL,file" desc:"Queues (BullMQ)."`
	JWT          JWT           `env:"JWT"`
	Payment      Payment       `env:"PAYMENT"`
	SMS          SMS           `env:"SMS"`
	Mail         Mail          `env:"MAIL"`
	MapsKey      secrets.Value `env:"MAPS_API_KEY" min:"16" desc:"Geocoding, on the server alone."`
	RateLimit    RateLimit     `env:"RATE_LIMIT"`
	FeatureFlags []string      `env:"FEATURE_FLAGS,optional" desc:"Flags that are on."`

	SeedData         envconfig.Seed `env:"SEED_DATA" oneof:"none,generated,realistic" desc:"What fills an empty database."`
	SentryDSN        secrets.Value  `env:"SENTRY_DSN,optional" desc:"Where errors are reported; without it nothing is monitored."`
	AlertMail        string         `env:"ALERT_MAIL,optional" pattern:"[^@\\s]+@[^@\\s]+" desc:"Who is told at night."`
	BackupRecipients []string       `env:"BACKUP_RECIPIENTS,optional" min:"2" desc:"Public keys (age) that backups are encrypted to."`
}

// Public are the variables that Next.js puts into pages. No secret belongs
// here.
type Public struct {
	API        url.URL `env:"API_URL" desc:"The API, as browsers reach it."`
	Web        url.URL `env:"WEB_URL" desc:"The customers' portal."`
	Admin      url.URL `env:"ADMIN_URL" desc:"The administrators' portal."`
	Provider   url.URL `env:"PROVIDER_URL" desc:"The providers' portal."`
	PaymentKey string  `env:"PAYMENT_KEY,optional" desc:"The key with which browsers open a payment."`
}

// Log is what the API logs.
type Log struct {
	Level   string           `env:"LEVEL" default:"info" oneof:"debug,info,warn,error"`
	Masking envconfig.Switch `env:"MASKING" default:"on" oneof:"off,on" desc:"Whether personal data is masked."`
}

// Database is PostgreSQL, through Prisma.
type Database struct {
	URL     secrets.Value `env:"URL,file"`
	Pool    int           `env:"POOL" default:"10" min:"1" max:"100" desc:"Connections of one process."`
	Timeout time.Duration `env:"TIMEOUT" default:"5s" min:"1s" max:"1m"`
}

// JWT are the tokens of users.
type JWT struct {
	Secret secrets.Value `env:"SECRET,file" min:"32"`
	TTL    time.Duration `env:"TTL" default:"15m" min:"1m" max:"24h"`
}

// Payment is the provider of payments.
type Payment struct {
	Mode          envconfig.Payments `env:"MODE" oneof:"off,sandbox,live"`
	SecretKey     *secrets.Value     `env:"SECRET_KEY"`
	WebhookSecret *secrets.Value     `env:"WEBHOOK_SECRET"`
}

// SMS and Mail are what users are told things by.
type SMS struct {
	APIKey secrets.Value `env:"API_KEY" min:"12"`
	Sender string        `env:"SENDER" default:"MASARUK" max:"11"`
}

// Mail is an SMTP server and who writes.
type Mail struct {
	URL  secrets.Value `env:"URL"`
	From string        `env:"FROM" pattern:"[^@\\s]+@[^@\\s]+"`
}

// RateLimit is how often one client may ask.
type RateLimit struct {
	Mode      envconfig.Limits `env:"MODE" oneof:"relaxed,strict"`
	PerMinute int              `env:"PER_MINUTE" min:"1" max:"10000"`
}

// Settings are the choices that follow from the configuration, for the rules of
// the environment to judge.
func (c Config) Settings(env envconfig.Environment) envconfig.Settings {
	s := env.Settings() // where there is no choice
	s.Payments, s.Debug, s.RateLimits, s.FeatureFlags = c.Payment.Mode, on(c.Log.Level == "debug"), c.RateLimit.Mode, c.FeatureFlags
	s.SeedData, s.Mirrors, s.LogMasking = c.SeedData, cmp.Or(s.Mirrors, envconfig.MirrorsNothing), c.Log.Masking
	s.HTTPS = on(c.API.Scheme == "https" || env.Tier == envconfig.TierDevelopment)
	s.Backups, s.Monitoring, s.Alerts = on(len(c.BackupRecipients) > 0), on(!c.SentryDSN.IsZero()), on(c.AlertMail != "")
	s.Release = envconfig.ReleaseSettings{ // what the program that releases does everywhere
		ZeroDowntime: envconfig.On, Approval: envconfig.On, Health: envconfig.On, Watch: envconfig.On, MigrationBackup: envconfig.On,
	}
	return s
}

func on(yes bool) envconfig.Switch {
	if yes {
		return envconfig.On
	}
	return envconfig.Off
}
