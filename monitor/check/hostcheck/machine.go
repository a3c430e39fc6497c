package hostcheck

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/shirou/gopsutil/v4/common"
)

// machine is where the figures of one machine are read.
type machine struct{ root string }

func newMachine(root string) machine {
	if root == "" {
		root = "/"
	}
	return machine{root}
}

func (m machine) path(elements ...string) string {
	return filepath.Join(append([]string{m.root}, elements...)...)
}

// at tells gopsutil where to read.
func (m machine) at(ctx context.Context) context.Context {
	return context.WithValue(ctx, common.EnvKey, common.EnvMap{
		common.HostProcEnvKey: m.path("proc"), common.HostSysEnvKey: m.path("sys"),
	})
}

// number reads a file that holds one number; "max" is none.
func number(elements ...string) (float64, bool) {
	text, err := os.ReadFile(filepath.Join(elements...))
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
	return n, err == nil
}

// table reads a file of lines with a name and a number each.
func table(elements ...string) map[string]float64 {
	text, err := os.ReadFile(filepath.Join(elements...))
	if err != nil {
		return nil
	}
	t := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) != 2 {
			continue
		}
		if n, err := strconv.ParseFloat(f[1], 64); err == nil {
			t[strings.TrimSuffix(f[0], ":")] = n
		}
	}
	return t
}
