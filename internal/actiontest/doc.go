// Package actiontest proves what holds for every Action that the module ships,
// and helps the tests of single ones. It is for tests only.
//
//	trace := actiontest.Bench{Secrets: []string{canary}}.Run(t, deploy.Step{Name: "s", Do: action})
//	require.NoError(t, trace.Err)
//	trace.RequireHidden(t, canary)
//
// A [Bench] runs one step by a real Runner, with a log in a folder and commands
// on this machine, and its [Trace] is all that anybody could read of it.
//
// The tests of this package have a table of all actions. One of them reads the
// source of the module and fails where an action is missing in the table.
package actiontest
