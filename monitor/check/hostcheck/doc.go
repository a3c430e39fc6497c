// Package hostcheck checks the machine or container that the program runs on:
// processor and load, memory and swap, a disk and its inodes with the days until
// it is full, and file descriptors. Each is a check of its own, so that each has
// its own interval, limits and alert.
//
//	cpu, err := hostcheck.NewCPU(nil)
//	memory, err := hostcheck.NewMemory(nil)
//	disk, err := hostcheck.NewDisk("/var/lib/postgresql", nil)
//	files, err := hostcheck.NewDescriptors(nil)
//	...
//	monitor.Definition{Name: "disk-database", Check: disk, Interval: time.Minute}
//
// Not for hosts elsewhere, nor for graphs: node_exporter and a metrics system
// know far more. This package says whether something is wrong here.
//
// # Control groups
//
// In a container, or a systemd service with limits, the figures of the machine
// are those of others too. Where a cgroup v2 of this process or one above it has
// a limit (memory.max, cpu.max), that takes the place of the machine: memory in
// use is memory.current without inactive_file, which the kernel can take back at
// once (the working set of Kubernetes), and processor time is measured against
// the quota. Of several limits the one that is used most counts for memory, the
// lowest for the processor. Load is of the whole machine and left out then.
// Limits of cgroup v1 are not read.
//
// # OOM kills
//
// That the kernel killed a process for want of memory is over in a moment, so
// [Memory] fails for Options.KillFor after it noticed one, in the cgroup where
// that has the limit, else on the machine. What was killed before the first run
// does not count.
//
// # Days until full
//
// [Disk] keeps what it measured in the last [DiskOptions].TrendOver, fits a line
// through it (ordinary least squares) and tells when that reaches what can be
// used. It begins once a quarter of that time is covered, with at least 8 runs.
// A time of a day evens out what grows by day and is tidied up by night. A disk
// that does not grow, or is not full within ten years, has no such measurement.
// Samples are lost when the program ends.
//
// # Whose reader
//
// The figures of the machine are read by gopsutil v4, the one dependency: an own
// reader of /proc would be some 150 lines and know Linux only, and gopsutil reads
// macOS and Windows too without cgo. Of it only what takes microseconds is
// used (measured: 22 µs for the processor, 33 µs for memory, 2 µs for a disk),
// and not its cpu.Percent, whose last sample is shared by the whole program. It
// knows nothing of limits of cgroups, which are read here, as are file
// descriptors, for which it would list all of them.
//
// # Systems
//
// On Linux all of it. On macOS and Windows [NewDescriptors] fails with
// [errors.ErrUnsupported]; there are no cgroups and no OOM kills, and on Windows
// neither load nor inodes. A reading that cannot be had is left out of the
// measurements and not judged; if it is the one that the check is about, the
// check fails.
//
// # Results
//
// Fractions have the unit 1, from 0 to 1.
//
//	CPU          utilisation 1, load_per_core 1, throttled 1 (of the periods)
//	Memory       used 1, available By, swap_used 1, oom_kills 1 (since the first run)
//	Disk         used 1, available By, inodes_used 1, full_in d
//	Descriptors  process_used 1, process_open 1, system_used 1
//
// A detail says what is used up by how much, and names no path. All checks are
// safe for concurrent use, log nothing and start no goroutine.
package hostcheck
