package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/envconfig/dotenv"
)

// output runs the program on this folder.
func output(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, ".", true))
	return out.String()
}

func TestEveryMistakeOfTheBadFileIsFoundAtItsLine(t *testing.T) {
	_, bad, found := strings.Cut(output(t), "\nenv/stg-bad.env: ")
	require.True(t, found)
	bad, _, _ = strings.Cut(bad, "\n\n")
	var got []string
	for _, m := range regexp.MustCompile(`(?m)^  env/stg-bad\.env(?::(\d+))?: (\w+): `).FindAllStringSubmatch(bad, -1) {
		got = append(got, strings.TrimSpace(m[1]+" "+m[2]))
	}
	require.Equal(t, []string{
		"PAYMENT_MODE", "3 NODE_ENV", "4 PORT", "5 API_URL", "8 NEXT_PUBLIC_WEB_URL", "11 NEXT_PUBLIC_PAYMENT_KEY", "13 LOG_LEVEL",
		"15 APP_DEBUG", "15 APP_DEBUG", "17 DATABASE_URL", "17 DATABASE_URL", "18 DATABASE_POOL", "19 DATABASE_TIMEOUT", "20 REDIS_URL",
		"21 JWT_SECRET", "24 PAYMENT_SECRET_KEY", "25 PAYMENT_WEBHOOK_SECRET", "28 MAIL_FROM", "29 MAPS_API_KEY",
		"33 SEED_DATA", "34 BACKUP_RECIPIENTS",
	}, got)
	require.Contains(t, bad, "PAYMENT_MOD from env/stg-bad.env:23, which no field has, looks like it")
}

func TestTheDriftIsShown(t *testing.T) {
	out := output(t)
	require.Contains(t, out, "\nstg against prod: 1 differ,")
	require.Regexp(t, `(?m)^differs +RATE_LIMIT_PER_MINUTE +prod: "120" +stg: "600"`, out)
}

func TestNoSecretIsShown(t *testing.T) {
	out := output(t)
	loader, err := envconfig.NewLoader[Config](nil)
	require.NoError(t, err)
	hidden := map[string]bool{}
	for _, d := range loader.Describe() {
		hidden[d.Variable] = d.Secret
	}
	files, err := filepath.Glob("env/*.env")
	require.NoError(t, err)
	require.Len(t, files, 4)
	secret := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		entries, _ := dotenv.Parse(string(text), dotenv.Node) // one of the files is wrong on purpose
		for _, e := range entries {
			if hidden[e.Name] {
				secret++
				require.NotContains(t, out, e.Value, "%s of %s", e.Name, file)
			}
		}
	}
	require.Greater(t, secret, 30)
}

func TestASharedSecretFails(t *testing.T) {
	dir := copied(t)
	change(t, dir, "env/stg.env", "fake-sms-stg", "fake-sms-prod")
	err := run(t.Context(), &strings.Builder{}, dir, true)
	require.ErrorContains(t, err, "SMS_API_KEY")
	require.NotContains(t, err.Error(), "fake-sms")
}

func TestAMistakeInAGoodFileFails(t *testing.T) {
	dir := copied(t)
	change(t, dir, "env/prod.env", "LOG_MASKING=on", "LOG_MASKING=off")
	var out strings.Builder
	require.ErrorContains(t, run(t.Context(), &out, dir, true), "env/prod.env is not fit for prod")
	require.Contains(t, out.String(), "Settings.LogMasking")
}

func TestTheExampleFileIsWrittenAndChecked(t *testing.T) {
	dir := copied(t)
	change(t, dir, ".env.example", "PORT=3000\n", "PORT=8080\n")
	var stale *envconfig.StaleError
	require.ErrorAs(t, run(t.Context(), &strings.Builder{}, dir, true), &stale)
	require.NoError(t, run(t.Context(), &strings.Builder{}, dir, false))
	require.NoError(t, run(t.Context(), &strings.Builder{}, dir, true))
	text, err := os.ReadFile(filepath.Join(dir, ".env.example"))
	require.NoError(t, err)
	require.Empty(t, dotenv.Lint(string(text)))
}

// copied returns a folder with a copy of the files that the program reads.
func copied(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, "env"), os.DirFS("env")))
	text, err := os.ReadFile(".env.example")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".env.example"), text, 0o600))
	return dir
}

// change replaces a text that stands in a file once.
func change(t *testing.T, dir, file, before, after string) {
	t.Helper()
	path := filepath.Join(dir, file)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(text), before))
	require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(text), before, after, 1)), 0o600))
}

// What the manual shows is what the program prints, but for lines that end in
// an ellipsis.
func TestTheManualShowsTheOutput(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	_, shown, found := strings.Cut(string(text), "# What it prints\n")
	require.True(t, found)
	out, lines := output(t), 0
	for line := range strings.Lines(shown) {
		line, isCode := strings.CutPrefix(line, "//\t")
		if !isCode {
			continue
		}
		lines++
		for part := range strings.SplitSeq(strings.TrimSuffix(line, "\n"), "...") {
			require.True(t, strings.Contains(out, part), "the program no longer prints %q", part)
		}
	}
	require.Greater(t, lines, 10)
}
