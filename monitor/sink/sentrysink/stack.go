package sentrysink

import (
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/getsentry/sentry-go"
)

const mostFrames = 100

// parseStack reads what debug.Stack printed. What it does not understand it
// leaves out; it is nil where nothing is left.
func (s *Sink) parseStack(text string) *sentry.Stacktrace {
	var frames []sentry.Frame
	lines := strings.Split(s.mask.redactor.String(text), "\n")
	for i := 0; i+1 < len(lines); i++ {
		place, ok := strings.CutPrefix(lines[i+1], "\t")
		if !ok {
			continue
		}
		if strings.HasPrefix(lines[i], "panic(") {
			frames = nil // what was called to deal with the panic
			i++
			continue
		}
		if f, ok := frame(lines[i], place); ok && len(frames) < mostFrames {
			frames = append(frames, f)
		}
		i++
	}
	if len(frames) == 0 {
		return nil
	}
	slices.Reverse(frames) // Sentry wants the newest last
	return &sentry.Stacktrace{Frames: frames}
}

// frame reads the two lines of a call: "path.function(arguments)", or "created by
// path.function in goroutine N", and "file:line +0xoffset".
func frame(call, place string) (f sentry.Frame, ok bool) {
	call, created := strings.CutPrefix(call, "created by ")
	if created {
		call, _, _ = strings.Cut(call, " in goroutine ")
	} else if at := strings.LastIndexByte(call, '('); at > 0 {
		call = call[:at]
	}
	place, _, _ = strings.Cut(place, " +0x")
	at := strings.LastIndexByte(place, ':')
	if at < 0 || call == "" {
		return f, false
	}
	line, err := strconv.Atoi(place[at+1:])
	if err != nil {
		return f, false
	}
	slash := strings.LastIndexByte(call, '/') + 1
	pkg, function, ok := strings.Cut(call[slash:], ".")
	if !ok {
		return f, false
	}
	file := cut(place[:at], longestTag)
	f = sentry.Frame{
		Module: cut(call[:slash]+pkg, longestTag), Function: cut(function, longestTag),
		AbsPath: file, Filename: path.Base(file), Lineno: line,
	}
	f.InApp = inApp(f)
	return f, true
}

// inApp tells whether a frame is of the program itself, as far as one can tell.
func inApp(f sentry.Frame) bool {
	first, _, _ := strings.Cut(f.Module, "/")
	return (first == "main" || strings.Contains(first, ".")) && !strings.Contains(f.AbsPath, "/pkg/mod/") && !strings.Contains(f.AbsPath, "/vendor/")
}

// carriedStack is the stack that err, or the first error that it wraps which has
// one, carries.
func (s *Sink) carriedStack(err error) (stack *sentry.Stacktrace) {
	defer func() {
		if recover() != nil {
			stack = nil
		}
	}()
	for range 32 {
		if err == nil {
			return nil
		}
		if stack := sentry.ExtractStacktrace(err); stack != nil {
			return s.clean(stack)
		}
		err = errors.Unwrap(err)
	}
	return nil
}

// clean masks the frames that sentry-go made.
func (s *Sink) clean(stack *sentry.Stacktrace) *sentry.Stacktrace {
	if len(stack.Frames) > mostFrames {
		stack.Frames = stack.Frames[len(stack.Frames)-mostFrames:]
	}
	for i, f := range stack.Frames {
		stack.Frames[i] = sentry.Frame{
			Module: s.mask.line(f.Module, longestTag), Function: s.mask.line(f.Function, longestTag),
			AbsPath: s.mask.line(f.AbsPath, longestTag), Filename: s.mask.line(f.Filename, longestTag),
			Lineno: f.Lineno, InApp: f.InApp,
		}
	}
	return stack
}
