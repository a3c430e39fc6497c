package importlaw

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is the root of the checkout.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	require.NoError(t, err)
	require.Contains(t, string(text), "module "+Module+"\n")
	return dir
}

func TestTheModuleKeepsTheLaw(t *testing.T) {
	all, err := load(root(t))
	require.NoError(t, err)
	for _, p := range []string{"secrets", "deploy", "internal/importlaw"} {
		require.Contains(t, all, p, "the law looked at the wrong tree")
	}
	found, err := Check(root(t))
	require.NoError(t, err)
	for _, v := range found {
		t.Error(v)
	}
}

// source is a tree of packages: by file, the imports. "!" before an import makes
// it blank.
type source map[string][]string

func (s source) write(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, imports := range s {
		var text strings.Builder
		text.WriteString("package x\n\n")
		for _, i := range imports {
			blank, found := strings.CutPrefix(i, "!")
			if found {
				text.WriteString("import _ \"" + blank + "\"\n")
			} else {
				text.WriteString("import \"" + i + "\"\n")
			}
		}
		put(t, filepath.Join(dir, name), text.String())
	}
	return dir
}

func put(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

// own is the import path of one of our packages.
func own(p string) string { return Module + "/" + p }

func TestTheLawAllows(t *testing.T) {
	for name, s := range map[string]source{
		"floors": {
			"doc.go": nil, "secrets/a.go": {"os", own("internal/durable")}, "envconfig/a.go": {own("secrets")},
			"deploy/a.go": {own("envconfig"), own("secrets"), own("internal/durable")}, "internal/durable/a.go": {"os"},
			"deploy/release/a.go": {own("deploy")}, "deploy/executor/localexec/a.go": {own("deploy"), own("deploy/release")},
			"deploy/nodeapp/a.go":         {own("deploy/executor/localexec"), own("deploy")},
			"deploy/executortest/a.go":    {"testing", own("deploy")},
			"examples/one/main.go":        {own("deploy/nodeapp"), own("examples/internal/show"), own("examples/one/service")},
			"examples/internal/show/a.go": nil,
			"examples/one/service/a.go":   nil,
			"examples/one/other_test.go":  {own("internal/testenv")},
			"internal/cmd/check/main.go":  {own("internal/testenv")},
			"internal/testenv/a.go":       {own("internal/durable")},
			"internal/retryhttp/a.go":     {retryable},
			"deploy/provider/vercel/a.go": {own("internal/retryhttp")},
			"backup/a.go":                 {age, zstd + "/zstd"},
		}, "tests": {
			"deploy/a_test.go":                    {testify + "/require", own("deploy/executor/localexec"), own("deploy/executortest"), own("internal/testenv"), "!embed"},
			"deploy/executor/sshexec/a_test.go":   {own("deploy/executor/localexec")},
			"deploy/executor/localexec/a.go":      nil,
			"deploy/executortest/a.go":            nil,
			"internal/testenv/a.go":               nil,
			"examples/one/main_test.go":           {testify + "/require"},
			"deploy/testdata/broken/a.go":         {own("backup")},
			".tools/a.go":                         {"example.org/x"},
			"deploy/executor/sshexec/_old/old.go": {own("monitor")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := Check(s.write(t))
			require.NoError(t, err)
			require.Empty(t, found)
		})
	}
}

func TestTheLawForbids(t *testing.T) {
	for name, c := range map[string]struct {
		tree source
		rule string
	}{
		"a core that imports another":                 {source{"deploy/a.go": {own("monitor")}, "monitor/a.go": nil}, "deploy/a.go: deploy and monitor never import each other"},
		"an adapter of another core":                  {source{"backup/store/s3store/a.go": {own("deploy")}, "deploy/a.go": nil}, "backup and deploy never import each other"},
		"the test of a core that does":                {source{"deploy/a_test.go": {own("backup")}, "backup/a.go": nil}, "deploy/a_test.go: deploy and backup never import each other"},
		"a lower floor":                               {source{"secrets/a.go": {own("envconfig")}, "envconfig/a.go": nil}, "is on floor 0 and imports envconfig on floor 1"},
		"a core that imports an adapter":              {source{"deploy/a.go": {own("deploy/runlog/filelog")}, "deploy/runlog/filelog/a.go": nil}, "is on floor 2 and imports deploy/runlog/filelog on floor 3"},
		"a core that imports its part":                {source{"deploy/a.go": {own("deploy/release")}, "deploy/release/a.go": nil}, "a core imports none of its parts"},
		"a part that imports another":                 {source{"deploy/release/a.go": {own("deploy/progress")}, "deploy/progress/a.go": nil}, "the parts of a core never import each other"},
		"an adapter that imports another":             {source{"deploy/step/git/a.go": {own("deploy/node/npm")}, "deploy/node/npm/a.go": nil}, "adapters never import each other"},
		"a recipe that is imported":                   {source{"deploy/cicd/a.go": {own("deploy/nodeapp")}, "deploy/nodeapp/a.go": nil}, "nobody imports a recipe"},
		"a recipe that a test imports":                {source{"deploy/a_test.go": {own("deploy/nodeapp")}, "deploy/nodeapp/a.go": nil}, "its test imports deploy/nodeapp"},
		"a kit in code":                               {source{"deploy/runlog/filelog/a.go": {own("deploy/runlogtest")}, "deploy/runlogtest/a.go": nil}, "conformance kits are for tests"},
		"testenv in code":                             {source{"deploy/a.go": {own("internal/testenv")}, "internal/testenv/a.go": nil}, "internal/testenv, which is for tests"},
		"an internal package in a test of an example": {source{"examples/one/a_test.go": {own("internal/durable")}, "internal/durable/a.go": nil}, "the tests of examples import none of the root's"},
		"third-party code in a core":                  {source{"deploy/a.go": {"example.org/x"}}, "deploy/a.go: imports example.org/x, which the map does not allow it"},
		"third-party code behind a constraint":        {source{"deploy/a_windows.go": {"example.org/x"}}, "deploy/a_windows.go: imports example.org/x"},
		"third-party code in a test":                  {source{"deploy/a_test.go": {"example.org/x"}}, "imports example.org/x, which the map"},
		"another exception in backup":                 {source{"backup/a.go": {"example.org/x"}}, "imports example.org/x"},
		"a core's exception in its adapter":           {source{"backup/store/filestore/a.go": {age}}, "imports filippo.io/age"},
		"a name that only begins like one":            {source{"backup/a.go": {age + "x"}}, "imports filippo.io/agex"},
		"third-party code through an internal":        {source{"deploy/a.go": {own("internal/retryhttp")}, "internal/retryhttp/a.go": {retryable}}, "deploy: reaches third-party code: deploy -> internal/retryhttp -> " + retryable},
		"and through two":                             {source{"deploy/release/a.go": {own("internal/one")}, "internal/one/a.go": {own("internal/retryhttp")}, "internal/retryhttp/a.go": {retryable}}, "deploy/release -> internal/one -> internal/retryhttp -> "},
		"and in a kit":                                {source{"deploy/executortest/a.go": {own("internal/retryhttp")}, "internal/retryhttp/a.go": {retryable}}, "deploy/executortest: reaches third-party code"},
		"an internal that wraps what it may not":      {source{"internal/durable/a.go": {"golang.org/x/sys/unix"}}, "imports golang.org/x/sys/unix"},
		"an internal that imports upwards":            {source{"internal/probe/a.go": {own("deploy")}, "deploy/a.go": nil}, "internal packages import no public package"},
		"a second user of retryablehttp":              {source{"deploy/provider/vercel/a.go": {retryable}}, "only internal/retryhttp imports"},
		"a test that uses retryablehttp":              {source{"deploy/a_test.go": {retryable}}, "only internal/retryhttp imports"},
		"testify in code":                             {source{"deploy/executortest/a.go": {testify + "/require"}}, "testify belongs in _test.go files only"},
		"a blank import":                              {source{"deploy/a.go": {"!net/http/pprof"}}, "blank import of net/http/pprof"},
		"a blank import of embed in code":             {source{"deploy/a.go": {"!embed"}}, "blank import of embed"},
		"a blank import in a test":                    {source{"deploy/a_test.go": {"!net/http/pprof"}}, "blank import of net/http/pprof"},
		"an example that imports internal":            {source{"examples/one/main.go": {own("internal/probe")}, "internal/probe/a.go": nil}, "examples never import the root's internal packages"},
		"an example that imports another":             {source{"examples/one/main.go": {own("examples/two")}, "examples/two/a.go": nil}, "nobody imports an example"},
		"an example that is imported":                 {source{"deploy/a.go": {own("examples/internal/show")}, "examples/internal/show/a.go": nil}, "nobody imports an example"},
		"a program that is imported":                  {source{"deploy/a_test.go": {own("internal/cmd/check")}, "internal/cmd/check/a.go": nil}, "imports the program internal/cmd/check"},
		"a program that imports upwards":              {source{"internal/cmd/check/a.go": {own("deploy")}, "deploy/a.go": nil}, "internal programs import no public package"},
		"a root with code":                            {source{"doc.go": {own("deploy")}, "deploy/a.go": nil}, "is documentation only"},
		"a root that is imported":                     {source{"deploy/a.go": {Module}, "doc.go": nil}, "the root is documentation only"},
		"an unknown package":                          {source{"utils/a.go": nil}, "utils: the map does not know the package: say what it is in internal/importlaw/map.go"},
		"an unknown package below a core":             {source{"deploy/helpers/a.go": nil}, "deploy/helpers: the map does not know the package"},
		"an import of an unknown package":             {source{"deploy/a.go": {own("deploy/gone")}}, "imports deploy/gone: the map does not know"},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := Check(c.tree.write(t))
			require.NoError(t, err)
			require.NotEmpty(t, found)
			all := make([]string, len(found))
			for i, v := range found {
				all[i] = v.String()
			}
			require.Contains(t, strings.Join(all, "\n"), c.rule)
		})
	}
}

func TestANestedModuleIsNotOursToJudge(t *testing.T) {
	dir := source{"deploy/a.go": nil, "deploy/temporalrunner/a.go": {"example.org/x"}}.write(t)
	put(t, filepath.Join(dir, "deploy/temporalrunner/go.mod"), "module "+own("deploy/temporalrunner")+"\n")
	found, err := Check(dir)
	require.NoError(t, err)
	require.Empty(t, found)

	put(t, filepath.Join(dir, "deploy/b.go"), "package x\n\nimport \""+own("deploy/temporalrunner")+"\"\n")
	found, err = Check(dir)
	require.NoError(t, err)
	require.Len(t, found, 1, "nested modules are executed, never imported")
}

func TestUnreadableSourceIsAnError(t *testing.T) {
	_, err := Check(t.TempDir())
	require.ErrorContains(t, err, "no Go files")
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a.go"), "not Go")
	_, err = Check(dir)
	require.ErrorContains(t, err, "a.go")
}

func TestTheMapNamesRetryablehttpOnce(t *testing.T) {
	var users []string
	for _, p := range places() {
		for _, m := range p.wraps {
			if m == retryable {
				users = append(users, p.pattern)
			}
		}
		if p.kind == internal {
			require.LessOrEqual(t, len(p.wraps), 1, "%s wraps more than one module", p.pattern)
		}
		if standardOnly(p.kind) && p.pattern != "backup" {
			require.Empty(t, p.wraps, "%s has to stay with the standard library", p.pattern)
		}
	}
	require.Equal(t, []string{"internal/retryhttp"}, users)
}
