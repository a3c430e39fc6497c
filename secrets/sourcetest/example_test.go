package sourcetest_test

import (
	"testing"

	"github.com/masaruk/devops/secrets"
	"github.com/masaruk/devops/secrets/sourcetest"
)

func ExampleRun() {
	// In a test file of the adapter:
	_ = func(t *testing.T) {
		known := map[string]secrets.Value{
			"db/password": secrets.New("first canary"),
			"api/key":     secrets.New("second canary"),
			"empty":       secrets.New(""),
		}
		sourcetest.Run(t, known, func() (secrets.Source, error) { return secrets.Static(known), nil })
	}
	// Output:
}
