package freshness_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/masaruk/devops/monitor/check/freshness"
)

func ExampleNew() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	backup, err := freshness.New(freshness.Newest(dir, "*.age", 1<<10), 25*time.Hour, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(backup.Check(context.Background()).Detail)
	if err := os.WriteFile(filepath.Join(dir, "db.age"), make([]byte, 2<<10), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(backup.Check(context.Background()).Status)
	// Output:
	// never happened
	// pass
}

// A date that a person writes into a file when the report has come.
func ExampleTimestamp() {
	pentest, err := freshness.New(freshness.Timestamp("no-such-file"), 92*24*time.Hour, &freshness.Options{
		WarnAge: 78 * 24 * time.Hour, // time to order the next one
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := pentest.Check(context.Background())
	fmt.Println(r.Status, r.Detail)
	// Output: fail never happened
}
