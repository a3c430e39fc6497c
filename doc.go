// Package devops is the documentation of a library for running a company's
// operations from one typed Go program: environments and their rules,
// zero-downtime releases, monitoring, and backups that are proven to restore.
// It has no code; every package below works alone in
// any program, with no server, no cluster and no YAML.
//
// # Map
//
//	secrets                  values that hide themselves, sources of them, and the filter that removes them from output
//	secrets/source/agesource    secrets in an age-encrypted file
//	secrets/source/vaultsource  secrets of Vault and OpenBao
//	secrets/source/awssecrets   secrets of AWS Secrets Manager and Parameter Store
//	secrets/sourcetest       proves a source
//	secrets/leakscan         finds secrets in trees, diffs and streams
//	envconfig                environments, their rules, and what they run with
//	envconfig/dotenv         .env files, and where their readers disagree
//	deploy                   plans, the runner that survives a crash, health and watch
//	deploy/approval          approvals by N of M
//	deploy/runlog/filelog    the run log as files on this machine
//	deploy/runlog/execlog    the run log on a target host
//	deploy/runlog/pglog      the run log in PostgreSQL
//	deploy/runlog/s3log      the run log in a bucket
//	deploy/runlogtest        proves a run log
//	deploy/executor/localexec  runs commands on this machine
//	deploy/executortest      proves an executor
//	deploy/release           release directories and the atomic "current"
//	deploy/switchover        the process that moves traffic from one release to the next
//	deploy/progress          shows a run to a person
//	deploy/step/git          checks out exactly one commit
//	deploy/step/artefact     packs, stores and unpacks by digest
//	deploy/step/s3artefact   artefacts in a bucket
//	deploy/step/script       runs a script
//	deploy/step/files        copies and templates
//	deploy/step/httpcall     asks a web service for something
//	deploy/step/wait         waits
//	deploy/step/notify       tells Slack, a webhook, or people by e-mail
//	monitor                  checks, alerts and probes
//	monitor/check/...        httpcheck, tlscheck, tcpcheck, hostcheck, pgcheck, freshness
//	monitor/sink/...         slogsink, promsink, sentrysink
//	monitor/sinktest         proves a sink
//	backup                   the repository: backups, verification, restore
//	backup/producer/pgbackup   PostgreSQL
//	backup/producer/dirbackup  a folder
//	backup/store/filestore   a repository in a folder
//	backup/store/s3store     a repository in a bucket
//	backup/storetest         proves a store
//	examples/config          what three environments run with, and what is wrong with it
//	examples/health          watches itself, a database and an address
//	examples/pgops           backs up PostgreSQL
//	examples/quickstart      releases a real service seven times while clients count failures
//	examples/release         releases a site from git with an approval and a kill in the middle
//
// Packages form floors: secrets stands on nothing, envconfig on secrets, the
// cores (deploy, backup and monitor) on those two, adapters on their core, and
// programs on all of them. The cores never import each other and link no
// third-party module, but for backup, which links age and zstd. The test of internal/importlaw holds the law.
//
// # Glossary
//
// One word names one thing in every package:
//
//   - Value: a secret. Source: where secrets come from. Redactor: removes
//     secrets from text.
//   - Environment: a place that software runs in, with a Tier and Rules.
//     Violation: one rule that something breaks.
//   - Plan: what a run does, as data. Step: one unit of it. Action: the effect
//     of a step. Run: one execution of a plan. Runner: what runs it.
//   - Executor: runs a Command on a Host.
//   - Log: the append-only record of runs, which is also their lease. Intent:
//     the record before an effect. Outcome: the record after it.
//   - Fence: what keeps a controller that lost its place from acting on a host.
//     Anchor: keeps the heads of the log out of reach of those who write it.
//   - Approval: what people have to say before a step. Freeze: a span in which
//     nothing is released.
//   - Check: one question of the monitor, its Result the answer. Transition:
//     what changed. Sink: where transitions go.
//   - Store: keeps immutable objects. Backup: a set of them with a signed record.
//     Producer: what is backed up. Session: a backup in the making. Part: some of
//     its files. Entry: one file of its index. Listing: a backup and what was
//     recorded about it since. Tombstone: that it is given up. Writer, Keeper,
//     Reader: who may add, remove and read.
//   - Undo: taking back what was begun, in reverse order.
//   - Release: one version in its own directory. Current: the one a symbolic
//     link names. Proven: it served well through its watch.
//   - Gate: what a release must pass before it gets traffic. Watch: the time
//     after, in which a failure undoes it.
//   - Backend: where the switchover sends traffic. Drain: waiting for the
//     requests that are still on the old one.
//
// # Stability
//
// The module is at version 0: exported names may change between minor
// versions, and the CHANGELOG says how. What is stored (run log, release
// record, switchover state, backup repository) carries a version, and what one version wrote
// every later one reads.
package devops
