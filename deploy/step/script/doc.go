// Package script runs a script as a step: a text for an interpreter, with
// secrets as environment.
//
//	seed := &script.Script{
//		Name:    "seed",
//		Text:    "psql -v ON_ERROR_STOP=1 -f seed.sql\necho seeded",
//		Dir:     "/srv/shop",
//		Env:     map[string]string{"RELEASE": "${release}"},
//		Secrets: map[string]string{"PGPASSWORD": "db_password"},
//		Source:  source,
//	}
//	step := deploy.Step{Name: "seed", Do: seed, Binds: []string{"release"}}
//
// Do not use it for one command: [deploy.Exec] needs no shell. What a script
// does twice it does twice, so say in the step's InFlight whether that is the
// same as once; the default holds the run for a person.
//
// # How it runs
//
// The text goes to the host as standard input, into a file of mode 0600 in the
// temporary folder there, and the interpreter gets the file's name as its last
// argument. So the text is in no argument vector, the interpreter reads a whole
// file (half a text, as its size tells, runs nothing), and commands of the script
// that read standard input find it empty. The file is removed when the
// interpreter ends; one that is killed with SIGKILL leaves it, and there is no
// secret in it. The host needs sh, mktemp, cat, wc and rm.
//
// # When it fails
//
// The default interpreter is "sh -eu": it ends at the first command that fails
// and at a variable that is not set. As POSIX has it, a failure does not count
// in a condition (if, while, &&, ||, !), in a pipeline but for its last
// command, and in a substitution within another command, such as
// echo "$(false)". Where pipelines matter use []string{"bash", "-euo",
// "pipefail"}. The step fails with a [*deploy.ExitError] in its chain.
//
// # Secrets
//
// A secret is a variable of the environment, by the name that the source knows
// it by; the plan holds names alone. It is looked up at each attempt. Outputs
// go into variables too, by ${name}, and never into the text, where they could
// become commands. What the script prints is filtered for the secrets.
//
// # Concurrency, errors, logs
//
// A [Script] is data and can be shared. Errors name the script. It logs
// nothing.
package script
