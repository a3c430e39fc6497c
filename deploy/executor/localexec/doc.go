// Package localexec runs the commands of package deploy on this machine.
//
//	ex, err := localexec.New(&localexec.Options{Inherit: []string{"PATH", "HOME"}})
//	res, err := ex.Run(ctx, deploy.Command{Argv: []string{"npm", "ci"}, Dir: "/srv/api"})
//
// Use it where the program runs on the host that it releases to, and in tests.
// Do not use it to run something that is to outlive the command, such as a
// service: everything a command leaves behind is ended. [Executor.Start] is
// for that.
//
// # What a command gets
//
// An argument vector, never a shell. Exactly the variables of Env and Secrets
// and those that Options.Inherit names. A program without a slash in its name
// is looked up in the PATH of the command, or else in that of this program;
// entries of PATH that are not absolute are passed over. An empty Stdin unless
// there is one; if the Stdin given cannot be read to its end the command is
// ended and Run says why, because half an input must not be taken for the
// whole. A Stdin that blocks does not hold up Run: its last Read may still be
// going on when Run returns.
//
// # How it ends
//
// Each command leads a process group. When ctx ends the group gets SIGTERM
// and, if Command.Grace is not enough, SIGKILL; Run returns when every process
// of it is gone. Processes that run on after the command itself has ended have
// half a second to do the same, then they are ended too and Run returns an
// error that wraps [ErrLeftover], even if the command had succeeded. A process
// that leaves the group (setsid) is not followed; if it holds the output open,
// Run stops reading after a second of silence. [Marked] finds such processes.
//
// If this program is killed its commands run on. That is what the fence is
// for, and [Marked] and [End].
//
// # The fence
//
// With Options.Fence a folder keeps which controller may act. For each name
// [Executor.Fence] has a folder in it, v1/NAME.fence, where NUMBER.epoch is the
// epoch that has the host; the highest counts, and is durable before Fence goes
// on. Each command that is not ReadOnly has a file EPOCH-LETTERS.run there: who
// runs it, and the group that it leads. The file is locked (flock) before the
// epoch is looked at, and the lock goes to the command with descriptor 3, so a
// takeover, which raises the epoch before it looks for files, sees each command
// that has not seen it. It ends the groups, and what holds a lock in the
// same session, and waits. The file goes when the command and its group have
// ended. Nothing of it needs care after a crash or a power cut: the next takeover
// removes what nobody locks.
//
// A controller that is stopped while its command runs holds up nobody. One that
// is stopped between its look at the epoch and the start of the command, or a
// process that left the session of its command, which may be a daemon or may
// not, is neither ended nor passed over: Fence gives up after 10 seconds and
// names it and the file. Where the process is meant to live on, removing the
// file is the answer.
// Daemons of commands that ended while their controller lived never hold
// anything up, and neither do processes of [Executor.Start].
//
// It does not see: a command that closes descriptor 3 at once and whose
// controller is killed before it has recorded the group, some microseconds
// later; processes of other users, but for the lock that they hold; what runs
// in another pid namespace, or on another machine that shares the folder. Epochs
// come from one log: programs that share a log and a folder exclude each other,
// and with another log, or one begun anew, the folder must be another too.
//
// # Output
//
// Output passes the filters, then goes to the tails and the Writers, chunk by
// chunk, as it comes; a filter holds back only what may be the beginning of a
// secret. The values of Command.Secrets are always filtered, Options.Redactor
// comes on top. Values of less than four bytes cannot be filtered and are
// refused, and so is a command that shows a value of Secrets, whole or a line
// of it, in Argv, Env or Dir; the error wraps [deploy.ErrSecret] and names
// the place.
//
// Both Writers share one lock. A Writer that fails or panics gets nothing
// more; the command runs on, and Run returns the failure when it has ended. A
// Writer that is slow slows the command down. A Writer that hangs holds up Run
// until ctx ends; the process group is ended then as always.
//
// # Processes that outlive the program
//
// [Executor.Start] begins one in a session of its own and [Stop] ends it, also
// from another program: [Process] is JSON and survives restarts and recycled
// numbers. A service manager that ends the control group of this program, as
// systemd does by default, ends such processes too (KillMode=process there).
//
// # Systems
//
// Run needs a unix; Start, Stop, Marked, End and a fence need linux with /proc. Anywhere
// else they return [errors.ErrUnsupported]. All functions are safe for
// concurrent use. The package logs nothing.
//
// # Decisions
//
// The design has one lock file that all commands share. Here each command locks
// a file of its own, because a daemon such as PM2's keeps what it inherits for
// ever, and would keep every later run from the host; the file also says who
// holds it. The lock is that of the command alone once it has started, so that
// a stopped controller does not hold it too. No epoch is ever closed: a command
// that ended has no file.
package localexec
