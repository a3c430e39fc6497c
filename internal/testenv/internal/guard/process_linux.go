package guard

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"syscall"
)

// process is a child that the guard started.
type process struct {
	pid    int
	kept   string        // file with the output; empty when it went to a log
	done   chan struct{} // closed when it has ended
	status syscall.WaitStatus
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// how says how an ended process ended.
func (p *process) how() string {
	if p.status.Signaled() {
		return "ended by signal " + p.status.Signal().String()
	}
	return fmt.Sprintf("exit status %d", p.status.ExitStatus())
}

func (p *process) err() error {
	if p.status.Exited() && p.status.ExitStatus() == 0 {
		return nil
	}
	return errors.New(p.how())
}

// output returns the last 8 KiB that an ended process printed, and removes
// what was kept.
func (p *process) output() string {
	text, err := os.ReadFile(p.kept)
	if err != nil {
		return ""
	}
	_ = os.Remove(p.kept) // goes with the folder in the end
	return string(bytes.TrimSpace(text[max(0, len(text)-8<<10):]))
}

func (p *process) reply() Reply {
	r := errorReply(p.err())
	r.Output = p.output()
	return r
}

// removeSharedMemory removes the System V segments that the given processes
// made: a PostgreSQL that was killed leaves one, and it survives the process.
func removeSharedMemory(creators []int) error {
	text, err := os.ReadFile("/proc/sysvipc/shm")
	if errors.Is(err, os.ErrNotExist) {
		return nil // a kernel without it
	}
	if err != nil {
		return err
	}
	var errs []error
	for line := range bytes.Lines(text) {
		// key shmid perms size cpid ...
		field := bytes.Fields(line)
		if len(field) < 5 {
			continue
		}
		id, err1 := strconv.Atoi(string(field[1]))
		creator, err2 := strconv.Atoi(string(field[4]))
		if err1 != nil || err2 != nil || !slices.Contains(creators, creator) {
			continue
		}
		const ipcRmid = 0
		if _, _, errno := syscall.Syscall(syscall.SYS_SHMCTL, uintptr(id), ipcRmid, 0); errno != 0 {
			errs = append(errs, os.NewSyscallError("shmctl", errno))
		}
	}
	return errors.Join(errs...)
}
