package hashlog_test

import (
	"errors"
	"fmt"

	"github.com/masaruk/devops/internal/hashlog"
)

// A record that was edited is found, with its number.
func ExampleNewChain() {
	writer := hashlog.NewChain("stg/api")
	var lines [][]byte
	for _, body := range []string{"begun", "done"} {
		line, _, err := writer.Seal(body)
		if err != nil {
			fmt.Println(err)
			return
		}
		if _, err := writer.Open(line); err != nil { // it was stored: go on after it
			fmt.Println(err)
			return
		}
		lines = append(lines, line)
	}
	lines[1] = []byte(string(lines[1][:len(lines[1])-8]) + `"dono"}`)

	reader := hashlog.NewChain("stg/api")
	for _, line := range lines {
		body, err := reader.Open(line)
		fmt.Println(string(body), errors.Is(err, hashlog.ErrEdited))
	}
	// Output:
	// "begun" false
	//  true
}
