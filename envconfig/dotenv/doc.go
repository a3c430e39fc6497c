// Package dotenv reads and writes .env files, and tells where the readers of
// such files disagree.
//
//	entries, err := dotenv.Parse(text, dotenv.Node)     // as the npm package dotenv reads it
//	text, err := dotenv.Format(entries, dotenv.Node)    // so that it reads it back
//	for _, finding := range dotenv.Lint(text) { ... }   // where other readers would differ
//
// There is no standard. A Node.js API, docker compose and a Go program that
// read the same file can get three passwords from it, without an error:
//
//	in the file        npm dotenv   docker compose   godotenv
//	PASSWORD=a#b       a            a#b              a#b
//	PASSWORD=pa$$word  pa$$word     pa$word          pa$$word
//	PASSWORD="x\"y"    x\"y         x"y              x"y
//	PASSWORD=`x y`     x y          `x y`            `x y`
//	PASSWORD="a" b     "a" b        a                (error)
//
// So a [Dialect] has to be named, and the zero one is refused. A .env file is
// never code: nothing in it is expanded, looked up or executed.
//
// It knows one dialect, [Node]. A dialect that takes values from elsewhere, as
// docker compose does for $NAME, is more than a way to read a file, and would
// need them to be given.
//
// # What Lint promises
//
// A file that Lint finds nothing in is read alike by the npm package dotenv,
// node --env-file, docker compose, godotenv and gotenv, as measured with some
// hundred thousand random files. The tests measure it anew for those that they
// can have: the npm package and node --env-file here, godotenv in the module
// internal/bench. A finding says that some readers may differ, not that those
// in use do. Of two variables with one name all readers take the last, so that
// is no finding.
//
// # Errors, secrets and concurrency
//
// Errors are a joined error of [*SyntaxError] with line, variable and what to
// do. Neither they nor findings hold a value, or a part of one; below a line
// that makes no sense, which may belong to a secret of several lines, they
// leave out names that do not look like names. An [Entry] hides its value where
// it is printed; a program that keeps it takes it into a secrets.Value.
//
// Everything here is a function of its arguments, safe for concurrent use. The
// package uses the standard library only, logs nothing and reads no files.
package dotenv
