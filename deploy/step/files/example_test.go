package files_test

import (
	"fmt"
	"strings"
	"testing/fstest"

	"github.com/masaruk/devops/deploy/step/files"
	"github.com/masaruk/devops/secrets"
)

// A dry run says which file, and from which secrets it is made.
func ExampleTemplate() {
	conf := &files.Template{
		To:      "/etc/shop/config.json",
		Text:    `{"port": {{.Data.Port}}, "password": {{secret "db_password" | json}}}`,
		Data:    struct{ Port int }{8080},
		Secrets: []string{"db_password"},
		Source:  secrets.Static(nil),
	}
	step := conf.Step("config")
	fmt.Println(strings.Join(conf.Preview(), "\n"))
	fmt.Printf("%T, %s\n", step.Undo, step.InFlight)
	// Output:
	// write /etc/shop/config.json, mode 0600, from a template of 69 bytes, with secrets db_password
	// *files.Restore, repeat
}

// A template that stands in a file is part of the plan by its digest.
func ExampleLoadTemplate() {
	unit, err := files.LoadTemplate(fstest.MapFS{"shop.service": {Data: []byte("[Service]\nUser={{.Data}}\n")}}, "shop.service")
	if err != nil {
		fmt.Println(err)
		return
	}
	unit.To, unit.Data = "/etc/systemd/system/shop.service", "shop"
	fmt.Println(unit.Preview()[0])
	// Output: write /etc/systemd/system/shop.service, mode 0644, from a template of 25 bytes in shop.service
}

// Copy takes a path that an earlier step has provided.
func ExampleCopy() {
	unit := &files.Copy{From: "${checkout}/shop.service", To: "/etc/systemd/system/shop.service"}
	fmt.Println(unit.Preview()[0])
	// Output: copy <output checkout>/shop.service to /etc/systemd/system/shop.service
}
