package servers

import (
	"os/exec"
	"strings"
	"testing"
)

// Each tool line names a program that the pinned versions provide.
func TestToolsArePrograms(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.ImportPath}} {{.Name}} {{.Module.Version}}", "tool").Output()
	if err != nil {
		t.Fatal(err)
	}
	want := "github.com/versity/versitygw/cmd/versitygw main v1.8.0"
	if got := strings.TrimSpace(string(out)); got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}
