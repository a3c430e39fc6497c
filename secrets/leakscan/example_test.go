package leakscan_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing/fstest"

	"github.com/masaruk/devops/secrets"
	"github.com/masaruk/devops/secrets/leakscan"
)

func ExampleNew() {
	redactor, err := secrets.NewRedactor(secrets.New("correct horse battery"))
	if err != nil {
		panic(err)
	}
	scanner, err := leakscan.New(&leakscan.Options{Redactor: redactor})
	if err != nil {
		panic(err)
	}
	dist := fstest.MapFS{
		"index.html":       {Data: []byte("<html>")},
		"static/app.js":    {Data: []byte("var a = 1\nvar b = \"correct%20horse%20battery\"\n")},
		"static/vendor.js": {Data: []byte("/* nothing */")},
	}
	for finding, err := range scanner.Tree(context.Background(), dist) {
		fmt.Println(finding, err)
	}
	// Output: static/app.js:2:10: loaded-value: secret that this program loaded <nil>
}

func ExampleScanner_Check() {
	scanner, err := leakscan.New(nil)
	if err != nil {
		panic(err)
	}
	release := fstest.MapFS{"config.js": {Data: []byte("url = 'postgres://api:" + "k7Qw" + "x2Zp@db/api'\n")}}
	noSecrets := func(ctx context.Context) error { return scanner.Check(ctx, release) }
	fmt.Println(noSecrets(context.Background()))
	// Output:
	// leakscan: check: there are secrets where none may be: revoke each, or allow it where it is none:
	// 	config.js:1:23: url-password: password in a URL
}

func ExampleScanner_Diff() {
	scanner, err := leakscan.New(nil)
	if err != nil {
		panic(err)
	}
	diff := `--- a/.env
+++ b/.env
@@ -3,1 +3,2 @@
 PORT=3000
+API_TOKEN=` + "k7Qwx2Zp" + "9Lm4Rt" + "\n"
	for finding, err := range scanner.Diff(context.Background(), strings.NewReader(diff)) {
		fmt.Println(finding, err)
	}
	// Output: .env:4:11: assigned-secret: value of a setting that is named as a secret <nil>
}

func ExampleNewBaseline() {
	scanner, err := leakscan.New(nil)
	if err != nil {
		panic(err)
	}
	old := "API_TOKEN=" + "k7Qwx2Zp" + "9Lm4Rt\n"
	var findings []leakscan.Finding
	for finding, err := range scanner.Stream(context.Background(), ".env", strings.NewReader(old)) {
		if err != nil {
			panic(err)
		}
		findings = append(findings, finding)
	}
	var file bytes.Buffer
	if err := leakscan.NewBaseline(findings).Write(&file); err != nil {
		panic(err)
	}
	baseline, err := leakscan.ReadBaseline(&file)
	if err != nil {
		panic(err)
	}
	fresh, stale := baseline.Filter(findings)
	fmt.Println(len(findings), len(fresh), len(stale))
	// Output: 1 0 0
}

func ExampleMain() {
	stdin := strings.NewReader("login with token=" + "k7Qwx2Zp" + "9Lm4Rt\n")
	code := leakscan.Main(context.Background(), []string{"-stdin", "build.log"}, stdin, os.Stdout, os.Stderr)
	fmt.Println(code)
	// Output:
	// build.log:1:18: assigned-secret: value of a setting that is named as a secret
	// 1
}
