package guard

import "time"

// Command is a program to run.
type Command struct {
	Argv []string `json:"argv"`
	// Env is the whole environment.
	Env []string `json:"env,omitempty"`
	// Dir is the working directory; empty is the guard's folder.
	Dir string `json:"dir,omitempty"`
	// User is whom to run as; nil is the guard's own user.
	User *User `json:"user,omitempty"`
}

// User is a user and group by number.
type User struct {
	UID uint32 `json:"uid"`
	GID uint32 `json:"gid"`
}

// Request is what the test asks. Exactly one of the fields is set.
type Request struct {
	// Run runs a command to its end.
	Run *Command `json:"run,omitempty"`
	// Start starts the server. There is at most one at a time.
	Start *Server `json:"start,omitempty"`
	// Signal sends a signal to the server process alone.
	Signal int `json:"signal,omitempty"`
	// Defer registers a command to run after every process has ended, the
	// last registered first.
	Defer *Command `json:"defer,omitempty"`
}

// Server is the long-running process of a guard.
type Server struct {
	Command Command `json:"command"`
	// Log is the file that standard output and error are appended to.
	Log string `json:"log"`
	// Stop is the signal that asks the server to end.
	Stop int `json:"stop"`
	// Grace is how long it may take before it is killed.
	Grace time.Duration `json:"grace"`
}

// Reply is what the guard says: an answer to a request, or an event.
type Reply struct {
	// Dir is the folder, in the first message only.
	Dir string `json:"dir,omitempty"`
	// PID is the process of a started server.
	PID int `json:"pid,omitempty"`
	// Output is the end of what a command that was run printed.
	Output string `json:"output,omitempty"`
	// Error is why the request failed.
	Error string `json:"error,omitempty"`
	// Exited is set in the event that the server ended: how it ended.
	Exited string `json:"exited,omitempty"`
}
