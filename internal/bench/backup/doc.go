// Package backup measures full backups and restores of PostgreSQL beside what
// people use, on one cluster, in turn.
//
//	cd internal/bench && go test -run '^$' -bench . -benchtime 3x -timeout 2h ./backup
//
// BENCH_BACKUP_SCALE is pgbench's; the default makes a cluster of about 300 MiB,
// 280 one of 4 GiB. A contender that is not on this machine is not run.
//
// The processor time is that of the whole machine, so that what the server does
// for a contender counts: run it on a machine that does nothing else.
package backup
