package importlaw

import (
	"fmt"
	"path"
	"strings"
)

// Module is the path of the module that the law is for.
const Module = "github.com/masaruk/devops"

// kind is what a package is, and so what it may import.
type kind int

const (
	manual   kind = iota + 1 // the root: documentation only
	floor0                   // secrets
	floor1                   // envconfig
	core                     // deploy, backup, monitor
	part                     // a part of a core on its floor, such as deploy/release
	kit                      // a conformance kit, such as deploy/executortest
	adapter                  // one dependency or product
	recipe                   // composes adapters
	internal                 // below the root's internal folder
	command                  // a program below internal
	example                  // below examples
)

// place is an entry of the map.
type place struct {
	// pattern is a package path relative to the module, as in path.Match.
	pattern string
	kind    kind
	// wraps are the third-party modules that the package may import.
	wraps []string
	// tests are the third-party modules that its tests may import, besides
	// testify and what it wraps.
	tests []string
	// uses are public packages that an internal package may import.
	uses []string
}

const (
	testify   = "github.com/stretchr/testify"
	retryable = "github.com/hashicorp/go-retryablehttp"
	age       = "filippo.io/age"
	zstd      = "github.com/klauspost/compress"
	aws       = "github.com/aws/aws-sdk-go-v2"
	pgx       = "github.com/jackc/pgx/v5"
	smithy    = "github.com/aws/smithy-go"
	yaml      = "go.yaml.in/yaml/v3"
	sentry    = "github.com/getsentry/sentry-go"
	prom      = "github.com/prometheus/client_golang"
	gopsutil  = "github.com/shirou/gopsutil/v4"
)

// places is the map. The first entry whose pattern matches counts, so a package
// that wraps something comes before the pattern of its group.
func places() []place {
	return []place{
		{pattern: ".", kind: manual},
		{pattern: "secrets", kind: floor0, tests: []string{yaml}},
		{pattern: "secrets/leakscan", kind: part},
		{pattern: "secrets/source/agesource", kind: adapter, wraps: []string{age}},
		{pattern: "secrets/source/awssecrets", kind: adapter, wraps: []string{aws, smithy}},
		{pattern: "secrets/source/*", kind: adapter},
		{pattern: "envconfig", kind: floor1},
		{pattern: "envconfig/dotenv", kind: floor0},
		{pattern: "deploy", kind: core},
		{pattern: "backup", kind: core, wraps: []string{age, zstd}},
		{pattern: "monitor", kind: core},

		{pattern: "deploy/release", kind: part},
		{pattern: "deploy/switchover", kind: part},
		{pattern: "deploy/approval", kind: part},
		{pattern: "deploy/progress", kind: part},

		{pattern: "secrets/sourcetest", kind: kit},
		{pattern: "deploy/executortest", kind: kit},
		{pattern: "deploy/runlogtest", kind: kit},
		{pattern: "backup/storetest", kind: kit},
		{pattern: "monitor/sinktest", kind: kit},

		{pattern: "deploy/executor/*", kind: adapter},
		{pattern: "deploy/runlog/pglog", kind: adapter, wraps: []string{pgx}},
		{pattern: "deploy/runlog/s3log", kind: adapter, wraps: []string{aws, smithy}},
		{pattern: "deploy/runlog/*", kind: adapter},
		{pattern: "deploy/node/*", kind: adapter},
		{pattern: "deploy/step/s3artefact", kind: adapter, wraps: []string{aws, smithy}},
		{pattern: "deploy/step/*", kind: adapter},
		{pattern: "deploy/provider/*", kind: adapter},
		{pattern: "backup/store/s3store", kind: adapter, wraps: []string{aws, smithy}},
		{pattern: "backup/store/*", kind: adapter},
		{pattern: "backup/producer/dirbackup", kind: adapter, tests: []string{age}},
		{pattern: "backup/producer/pgbackup", kind: adapter, wraps: []string{pgx}, tests: []string{age}},
		{pattern: "backup/producer/*", kind: adapter},
		{pattern: "monitor/check/hostcheck", kind: adapter, wraps: []string{gopsutil}},
		{pattern: "monitor/check/pgcheck", kind: adapter, wraps: []string{pgx}},
		{pattern: "monitor/check/*", kind: adapter},
		{pattern: "monitor/sink/promsink", kind: adapter, wraps: []string{prom}},
		{pattern: "monitor/sink/sentrysink", kind: adapter, wraps: []string{sentry}},
		{pattern: "monitor/sink/*", kind: adapter},

		{pattern: "deploy/nodeapp", kind: recipe},
		{pattern: "deploy/nextapp", kind: recipe},
		{pattern: "deploy/mobile", kind: recipe},
		{pattern: "deploy/cicd", kind: recipe},

		{pattern: "internal/retryhttp", kind: internal, wraps: []string{retryable}},
		{pattern: "internal/cmd/*", kind: command},
		{pattern: "internal/testenv/cmd/*", kind: command},
		{pattern: "internal/testenv/internal/*", kind: internal},
		{pattern: "internal/durable/powercut", kind: internal},
		{pattern: "internal/stepinput", kind: internal, uses: []string{"secrets", "deploy"}},
		{pattern: "internal/actiontest", kind: internal, uses: []string{"secrets", "envconfig", "deploy", "deploy/executor/localexec", "deploy/runlog/filelog"}},
		{pattern: "internal/*", kind: internal},

		{pattern: "examples/health", kind: example, wraps: []string{pgx, prom, sentry}},
		{pattern: "examples/pgops", kind: example, wraps: []string{aws}, tests: []string{age, pgx}},
		{pattern: "examples/internal/*", kind: example},
		{pattern: "examples/*", kind: example},
		{pattern: "examples/*/*", kind: example},
		{pattern: "examples/*/*/*", kind: example},
	}
}

// findPlace returns the entry of a package, or an error that says where to add
// one.
func findPlace(pkg string) (place, error) {
	for _, p := range places() {
		if matched, err := path.Match(p.pattern, pkg); err == nil && matched {
			return p, nil
		}
	}
	return place{}, fmt.Errorf("the map does not know the package: say what it is in internal/importlaw/map.go")
}

// tree is the first element of a package path: the core that it belongs to.
func tree(pkg string) string {
	first, _, _ := strings.Cut(pkg, "/")
	return first
}

// isCoreTree reports whether a first element is that of one of the three cores
// that never import each other.
func isCoreTree(name string) bool {
	return name == "deploy" || name == "backup" || name == "monitor"
}
