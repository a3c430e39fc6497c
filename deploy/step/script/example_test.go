package script_test

import (
	"fmt"
	"os"
	"strings"

	"github.com/masaruk/devops/deploy/step/script"
	"github.com/masaruk/devops/secrets"
)

// A dry run shows the script and the names of its secrets.
func ExampleScript_Preview() {
	s := &script.Script{
		Name:    "seed",
		Text:    "psql -v ON_ERROR_STOP=1 -f seed.sql\necho seeded",
		Env:     map[string]string{"RELEASE": "${release}"},
		Secrets: map[string]string{"PGPASSWORD": "db_password"},
		Source:  secrets.Static(nil),
	}
	fmt.Println(strings.Join(s.Preview(), "\n"))
	// Output:
	// RELEASE="<output release>" PGPASSWORD=<secret db_password> sh -eu <script seed, 47 bytes, sha256:2ce776cfc397>
	// | psql -v ON_ERROR_STOP=1 -f seed.sql
	// | echo seeded
}

// A script that stands in a file is part of the plan by its digest.
func ExampleLoad() {
	s, err := script.Load(os.DirFS("testdata"), "warm.sh")
	if err != nil {
		fmt.Println(err)
		return
	}
	s.Interpreter = []string{"bash", "-euo", "pipefail"}
	fmt.Println(strings.Join(s.Preview(), "\n"))
	// Output:
	// bash -euo pipefail <script warm.sh, 19 bytes, sha256:b56c3c3cd068>
}
