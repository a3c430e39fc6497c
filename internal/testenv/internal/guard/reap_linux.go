package guard

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// becomeSubreaper makes orphaned descendants children of this process.
func becomeSubreaper() error {
	const prSetChildSubreaper = 36 // linux/prctl.h
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0); errno != 0 {
		return os.NewSyscallError("prctl", errno)
	}
	return nil
}

// reaper starts processes and collects the exit status of every child, its
// own and the orphans that fall to it.
type reaper struct {
	mu    sync.Mutex // held while a child is started or collected
	known map[int]*process
	spawn chan func() // runs on one thread for ever, see newReaper
}

// newReaper starts collecting. Children are killed when the thread that
// started them ends, so one locked thread starts them all.
func newReaper() *reaper {
	r := &reaper{known: map[int]*process{}, spawn: make(chan func())}
	go func() {
		runtime.LockOSThread()
		for f := range r.spawn {
			f()
		}
	}()
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGCHLD)
	go func() {
		for range changed {
			r.collect()
		}
	}()
	return r
}

func (r *reaper) collect() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		if p := r.known[pid]; p != nil {
			delete(r.known, pid)
			p.status = status
			close(p.done)
		}
	}
}

// start starts cmd in a session of its own. Its output goes to log, or is
// kept where log is nil.
func (r *reaper) start(dir string, cmd Command, log *os.File) (*process, error) {
	p := &process{done: make(chan struct{})}
	if log == nil {
		f, err := os.CreateTemp(dir, "output-")
		if err != nil {
			return nil, err
		}
		defer f.Close()
		p.kept, log = f.Name(), f
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	attr := &os.ProcAttr{
		// An empty environment is not nil, which would mean the guard's.
		Dir: dir, Env: append([]string{}, cmd.Env...), Files: []*os.File{null, log, log},
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	}
	if cmd.Dir != "" {
		attr.Dir = cmd.Dir
	}
	if u := cmd.User; u != nil {
		attr.Sys.Credential = &syscall.Credential{Uid: u.UID, Gid: u.GID}
	}
	started := make(chan error)
	r.spawn <- func() { started <- r.fork(p, cmd.Argv, attr) }
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

func (r *reaper) fork(p *process, argv []string, attr *os.ProcAttr) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	child, err := os.StartProcess(argv[0], argv, attr)
	if err != nil {
		return err
	}
	p.pid = child.Pid
	r.known[p.pid] = p
	return child.Release()
}

// signal sends sig to p, never to a process that took over its number.
func (r *reaper) signal(p *process, sig syscall.Signal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p == nil || r.known[p.pid] != p {
		return os.ErrProcessDone
	}
	return syscall.Kill(p.pid, sig)
}

// stop asks p to end and waits for that, at most for grace.
func (r *reaper) stop(p *process, sig syscall.Signal, grace time.Duration) {
	if r.signal(p, sig) != nil {
		return
	}
	select {
	case <-p.done:
	case <-time.After(grace):
	}
}

// killAll kills every descendant and returns when none is left.
func (r *reaper) killAll() error {
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		// A pass can miss a process that is being forked, so the last one
		// must find nothing. The lock keeps the numbers from being reused.
		r.mu.Lock()
		pids := descendants(os.Getpid())
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		r.mu.Unlock()
		if len(pids) == 0 {
			return nil
		}
		r.collect()
		select {
		case <-deadline:
			return fmt.Errorf("processes %v outlived SIGKILL", pids)
		case <-tick.C:
		}
	}
}

// descendants returns the processes below pid, zombies included.
func descendants(pid int) []int {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // ended meanwhile
		}
		// pid (comm) state ppid ...; comm may hold anything.
		i := bytes.LastIndexByte(text, ')')
		if i < 0 {
			continue
		}
		field := bytes.Fields(text[i+1:])
		child, err1 := strconv.Atoi(strings.Split(path, "/")[2])
		parent, err2 := strconv.Atoi(string(field[1]))
		if err1 == nil && err2 == nil {
			children[parent] = append(children[parent], child)
		}
	}
	all := children[pid]
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}
