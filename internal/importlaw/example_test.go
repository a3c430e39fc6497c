package importlaw_test

import (
	"fmt"

	"github.com/masaruk/devops/internal/importlaw"
)

// The law holds for this module: no package imports what it must not.
func ExampleCheck() {
	violations, err := importlaw.Check("../..")
	fmt.Println(len(violations), err)
	// Output: 0 <nil>
}
