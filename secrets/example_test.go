package secrets_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/masaruk/devops/secrets"
)

func ExampleNew() {
	config := struct {
		User     string
		Password secrets.Value
	}{"api", secrets.New("correct horse")}

	fmt.Printf("%+v\n", config)
	out, _ := json.Marshal(config)
	fmt.Println(string(out))
	fmt.Println(len(config.Password.Reveal()))
	// Output:
	// {User:api Password:[redacted]}
	// {"User":"api","Password":"[redacted]"}
	// 13
}

func ExampleValue_UnmarshalText() {
	var config struct{ Password secrets.Value }
	err := json.Unmarshal([]byte(`{"Password":"[redacted]"}`), &config)
	fmt.Println(errors.Is(err, secrets.ErrRedacted))
	// Output: true
}

func ExampleNewRedactor() {
	r, err := secrets.NewRedactor(secrets.New("correct horse"))
	if err != nil {
		panic(err)
	}
	w := r.Writer(os.Stdout)
	fmt.Fprint(w, "password=correct ")
	fmt.Fprint(w, "horse, user=api\n")
	if err := w.Close(); err != nil {
		panic(err)
	}
	// Output: password=[redacted], user=api
}
