package dotenv

import "fmt"

// Dialect is a way to read .env files. The zero Dialect is none and is
// refused: the same file gives other values to other readers, so a program
// says whose it means.
type Dialect int

// Node is how the npm package dotenv reads, measured at version 17.4.2,
// without dotenv-expand: nothing is expanded.
const Node Dialect = 1

// String returns "node", "unset" for the zero Dialect, and a number in
// parentheses for anything else.
func (d Dialect) String() string {
	switch d {
	case 0:
		return "unset"
	case Node:
		return "node"
	}
	return fmt.Sprintf("Dialect(%d)", int(d))
}

func (d Dialect) check() error {
	if d != Node {
		return fmt.Errorf("dotenv: dialect %s cannot be read or written; name one, such as dotenv.Node", d)
	}
	return nil
}
