// Package executortest proves that a [deploy.Executor] keeps its contract. An
// adapter calls [Run] from one of its tests; users can run it against their
// own hosts.
//
//	func TestExecutor(t *testing.T) {
//		executortest.Run(t, func() (deploy.Executor, error) { return localexec.New(nil) })
//	}
//
//	func TestFence(t *testing.T) {
//		opts := &localexec.Options{Fence: t.TempDir()}
//		executortest.RunFencer(t, func() (deploy.Fencer, error) { return localexec.New(opts) })
//	}
//
// The kit runs real commands where the executor runs them and learns all it
// knows through the executor, so it works for a remote host as well. It needs
// a POSIX shell as /bin/sh there, with cat, env, head, kill, sleep and tr, and
// either /proc or ps. It writes no files and listens on nothing. Processes
// that a broken executor leaves behind end by themselves after a minute.
//
// What it proves:
//
//   - exit status, signal, duration and the ExitError beside the Result;
//   - arguments and environment arrive exactly as given, with no shell between
//     and nothing inherited; Dir holds;
//   - a program or Dir that is missing, an empty Argv and a ctx that has ended
//     already are errors, none of them an ExitError, and nothing runs;
//   - an empty, a long, an unread and an endless Stdin;
//   - output comes as it is produced, in order, complete at 10 MiB on both
//     streams at once, one Write at a time; tails and the standard error in an
//     ExitError have their promised length; a Writer that fails costs neither
//     the command nor the other stream, and is reported;
//   - values of Secrets reach the command and appear in no output, tail, error
//     or argument vector, also when they are written in pieces; a command that
//     has one in Argv or Env is refused;
//   - when ctx ends the group is asked politely first and killed after Grace,
//     Run returns once it is gone, and the error wraps the cause;
//   - processes that outlive the command in its group are ended;
//   - commands run side by side.
//
// [RunFencer] proves an executor that is a [deploy.Fencer]:
//
//   - an epoch that is not higher than all before it is refused, also in another
//     program, and takes nothing from the one that holds the host;
//   - once a higher epoch has the host, no command of a lower one runs that may
//     change something, and what ran has ended or was waited for;
//   - commands that are ReadOnly are neither held back nor ended;
//   - names do not touch each other, and commands are otherwise as without.
//
// An executor for an operating system without /bin/sh cannot be proven with
// it. The package uses the standard library only.
package executortest
