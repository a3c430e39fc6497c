package progress

import (
	"io"
	"os"
)

// defaultWidth is what terminals have that do not say.
const defaultWidth = 80

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || f == nil {
		return false
	}
	if term := os.Getenv("TERM"); term == "" || term == "dumb" {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	_, ok = fileWidth(f)
	return ok
}

func widthOf(w io.Writer, fixed int) int {
	if fixed > 0 {
		return fixed
	}
	if f, ok := w.(*os.File); ok {
		if n, ok := fileWidth(f); ok && n > 0 {
			return n
		}
	}
	return defaultWidth
}
