package secrets_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/masaruk/devops/secrets"
)

// The handler hides by name and by value, and the finished line passes the
// Redactor once more.
func ExampleNewHandler() {
	redactor, err := secrets.NewRedactor(secrets.New("correct horse"))
	if err != nil {
		panic(err)
	}
	lines := redactor.Writer(os.Stdout)
	defer lines.Close()
	handler, err := secrets.NewHandler(slog.NewJSONHandler(lines, &slog.HandlerOptions{ReplaceAttr: withoutTime}), &secrets.HandlerOptions{Redactor: redactor})
	if err != nil {
		panic(err)
	}
	log := slog.New(handler)
	type login struct {
		User     string `json:"user"`
		Password string `json:"password"`
	}
	log.Info("login", "body", login{"ada", "s3same"}, slog.Group("headers", "Authorization", "Bearer abc"))
	log.Error("no database", "err", errors.New("postgres://api:correct horse@db refused"))
	// Output:
	// {"level":"INFO","msg":"login","body":{"user":"ada","password":"[redacted]"},"headers":{"Authorization":"[redacted]"}}
	// {"level":"ERROR","msg":"no database","err":"postgres://api:[redacted]@db refused"}
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

func ExampleNewKeys() {
	_, err := secrets.NewKeys("users[*].token", "users[x].pin")
	fmt.Println(err)
	// Output: secrets: key path "users[x].pin", position 6: expected an index, * or a key in quotes between [ and ]
}

func ExampleKeys_JSON() {
	keys, err := secrets.NewKeys("req.headers.authorization", "**.*token", "items[*].card")
	if err != nil {
		panic(err)
	}
	doc, err := keys.JSON([]byte(`{"items":[{"card": 4242}], "req":{"id":7.50,"refreshToken":"abc"}}`), nil)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(doc))
	// Output: {"items":[{"card": "[redacted]"}], "req":{"id":7.50,"refreshToken":"[redacted]"}}
}

// What Node's Pino prints, by way of a process manager.
func ExampleKeys_Lines() {
	keys, err := secrets.NewKeys(secrets.DefaultKeys()...)
	if err != nil {
		panic(err)
	}
	w := keys.Lines(os.Stdout, nil)
	fmt.Fprintln(w, `{"level":30,"req":{"headers":{"cookie":"sid=1"}},"msg":"request"}`)
	fmt.Fprintln(w, `0|api  | {"level":30,"otp":"491823"}`)
	fmt.Fprintln(w, `Listening on 3000`)
	fmt.Fprint(w, `{"level":30,"password":"cut o`)
	if err := w.Close(); err != nil {
		panic(err)
	}
	// Output:
	// {"level":30,"req":{"headers":{"cookie":"[redacted]"}},"msg":"request"}
	// 0|api  | {"level":30,"otp":"[redacted]"}
	// Listening on 3000
	// {"level":30,"password":[redacted]
}
