// Package servers pins the servers that package testenv runs and that are Go
// programs: they are the tool lines of this module's go.mod. They are built
// and executed, never imported, and their dependencies stay out of the
// library's module. The test command builds each into .tools/bin.
package servers
