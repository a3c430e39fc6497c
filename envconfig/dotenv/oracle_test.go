package dotenv_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig/dotenv"
)

// Parse reads as the npm package does, whatever is in the file.
func TestNodeIsTheNPMPackage(t *testing.T) {
	r := random(t)
	texts := []string{"", "\n", "\ufeff", "A"}
	for range 5_000 {
		texts = append(texts, randomText(r), usualText(r))
	}
	for _, row := range table {
		texts = append(texts, row.text)
	}
	several := 0
	for i, want := range readByNode(t, texts) {
		entries, _ := dotenv.Parse(texts[i], dotenv.Node) // the entries count, also beside an error
		require.Equal(t, want.NPM, variables(entries), "%q", texts[i])
		if len(want.NPM) > 1 {
			several++
		}
	}
	require.Greater(t, several, 1_000, "the texts are too poor to prove anything")
}

// What Format writes is read back by the npm package; by node --env-file as
// well where Lint has nothing to say.
func TestTheNPMPackageReadsBackWhatFormatWrites(t *testing.T) {
	r := random(t)
	var texts []string
	var want []map[string]string
	for range 4_000 {
		entries := []dotenv.Entry{{Name: "A", Value: randomValue(r)}, {Name: "b_2", Value: randomValue(r)}}
		if text, err := dotenv.Format(entries, dotenv.Node); err == nil {
			texts, want = append(texts, text), append(want, variables(entries))
		}
	}
	require.Greater(t, len(texts), 2_000)
	clean := 0
	for i, got := range readByNode(t, texts) {
		require.Equal(t, want[i], got.NPM, "%q", texts[i])
		if got.EnvFile != nil && len(dotenv.Lint(texts[i])) == 0 {
			clean++
			require.Equal(t, want[i], got.EnvFile, "%q", texts[i])
		}
	}
	t.Logf("%d texts, %d without a finding", len(texts), clean)
}

// A file that Lint finds nothing in is read alike by node --env-file.
func TestNodeEnvFileAgreesWhereLintIsSilent(t *testing.T) {
	r := random(t)
	var texts []string
	for range 8_000 {
		for _, text := range []string{randomText(r), usualText(r), usualText(r)} {
			if len(dotenv.Lint(text)) == 0 {
				texts = append(texts, text)
			}
		}
	}
	require.Greater(t, len(texts), 2_000, "Lint finds something in nearly everything")
	for i, got := range readByNode(t, texts) {
		if got.EnvFile == nil {
			t.Skip("this Node.js cannot tell what node --env-file reads: it has no util.parseEnv")
		}
		require.Equal(t, got.NPM, got.EnvFile, "%q", texts[i])
	}
	t.Logf("%d texts", len(texts))
}
