package vaultsource_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"

	"github.com/masaruk/devops/secrets"
	"github.com/masaruk/devops/secrets/source/vaultsource"
)

func ExampleNew() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `{"data": {"data": {"password": "correct horse"}, "metadata": {"version": 3}}}`)
	}))
	defer server.Close()

	vault, err := vaultsource.New(server.URL, &vaultsource.Options{Token: secrets.New("hvs.example")})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer vault.Close()
	password, err := vault.Lookup(context.Background(), "prod/api/db#password")
	fmt.Println(password, len(password.Reveal()), err)
	_, err = vault.Lookup(context.Background(), "prod/api/db#user")
	fmt.Println(errors.Is(err, fs.ErrNotExist))
	// Output:
	// [redacted] 13 <nil>
	// true
}
