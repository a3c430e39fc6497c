package executortest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/secrets"
)

// The halves of a value are no secrets.
const (
	firstHalf  = "kit-Zq7vWm3x"
	secondHalf = "Lr9-tYb4Kp2s"
	secret     = firstHalf + secondHalf
)

func withSecret(cmd deploy.Command) deploy.Command {
	cmd.Secrets = map[string]secrets.Value{"KIT_SECRET": secrets.New(secret)}
	return cmd
}

func secretsHidden(ctx context.Context, h *host) error {
	r, err := h.run(ctx, withSecret(sh(`
case $KIT_SECRET in "$1$2") echo arrived ;; esac
echo "before $KIT_SECRET after"
echo "before $KIT_SECRET after" >&2
for stream in 1 2; do
	printf 'pieces %s' "$1" >&$stream
	printf '%s end\n' "$2" >&$stream
done
printf %s "$KIT_SECRET" >&2
printf 'last %s' "$1"
exit 3`, firstHalf, secondHalf)))
	if err != nil {
		return err
	}
	e, ok := exitError(r.err)
	if !ok {
		return fmt.Errorf("exit 3: Run returned %v, not an ExitError", r.err)
	}
	var bad []error
	for name, text := range map[string]string{
		"Stdout": r.stdout, "Stderr": r.stderr,
		"Result.Stdout": string(r.res.Stdout), "Result.Stderr": string(r.res.Stderr),
		"ExitError.Stderr": e.Stderr, "error text": r.err.Error(), "error printed with %#v": fmt.Sprintf("%#v", r.err),
	} {
		if strings.Contains(text, secret) {
			bad = append(bad, fmt.Errorf("%s holds the value of a secret", name))
		}
	}
	for name, text := range map[string]string{"Stdout": r.stdout, "Stderr": r.stderr} {
		for _, part := range []string{"before ", " after\n", "pieces ", " end\n"} {
			if !strings.Contains(text, part) {
				bad = append(bad, fmt.Errorf("%s lost %q beside a secret", name, part))
			}
		}
	}
	// The beginning of a value may be held back, but not for ever.
	if !strings.HasSuffix(r.stdout, "last "+firstHalf) {
		bad = append(bad, errors.New("Stdout lost its end, which is the beginning of a secret"))
	}
	if !strings.Contains(r.stdout, "arrived\n") {
		bad = append(bad, errors.New("the secret did not reach the command"))
	}
	return errors.Join(bad...)
}

// secretsInNoArguments lets the command itself look at all processes of its
// host, since the filter would hide the leak.
func secretsInNoArguments(ctx context.Context, h *host) error {
	got, err := h.ok(ctx, withSecret(sh(`
if [ -d /proc/self ]; then
	all=$(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n')
else
	all=$(ps -A -o args=)
fi
case $all in
*"${KIT_SECRET:-unset}"*) echo seen ;;
*) echo clean ;;
esac`)))
	if err != nil {
		return err
	}
	if got != "clean\n" {
		return errors.New("the argument vector of a process holds the value of a secret")
	}
	return nil
}

func secretsRefused(ctx context.Context, h *host) error {
	inArgv := withSecret(sh("echo ran", "x"+secret+"y"))
	inEnv := withSecret(sh("echo ran"))
	inEnv.Env["KIT_URL"] = "https://user:" + secret + "@host"
	var bad []error
	for name, cmd := range map[string]deploy.Command{"Argv": inArgv, "Env": inEnv} {
		r, err := h.run(ctx, cmd)
		switch {
		case err != nil:
			return err
		case r.err == nil || r.stdout != "":
			bad = append(bad, fmt.Errorf("a command with the value of a secret in %s was run", name))
		case strings.Contains(r.err.Error(), secret):
			bad = append(bad, fmt.Errorf("the error about a secret in %s shows it", name))
		case !strings.Contains(r.err.Error(), name):
			bad = append(bad, fmt.Errorf("the error about a secret in %s does not say where it is: %w", name, r.err))
		}
	}
	return errors.Join(bad...)
}
