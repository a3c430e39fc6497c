package stepinput_test

import (
	"context"
	"fmt"

	"github.com/masaruk/devops/internal/stepinput"
	"github.com/masaruk/devops/secrets"
)

// What another program says is shown without the secrets that it was given.
func ExampleLookup() {
	source := secrets.Static(map[string]secrets.Value{"registry_token": secrets.New("not to be shown")})
	given, err := stepinput.Lookup(context.Background(), source, "registry_token")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(given.Filter("login failed: not+to+be+shown"))
	// Output: login failed: [redacted]
}
