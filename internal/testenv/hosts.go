package testenv

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/masaruk/devops/internal/testenv/internal/guard"
)

// Host is a network namespace with one interface on a switch that joins it to
// the other hosts of its [Network] and to this machine. It shares the file
// system and everything else with this machine.
type Host struct {
	// Name is the network namespace.
	Name string
	// Addr is its IPv4 address; this machine and the other hosts reach it.
	Addr string

	network *Network
	port    string // the switch's end of its cable
}

// Command returns a program ready to run on the host. Close of the network
// kills what still runs there.
func (h *Host) Command(ctx context.Context, argv ...string) *exec.Cmd {
	argv = append(h.prefix(), argv...)
	return exec.CommandContext(ctx, argv[0], argv[1:]...)
}

func (h *Host) prefix() []string { return []string{ipPath, "netns", "exec", h.Name} }

// Unplug cuts the host off from everybody else, as pulling its cable would:
// its connections stall, no reset is sent.
func (h *Host) Unplug(ctx context.Context) error { return h.network.link(ctx, h.port, "down") }

// Plug ends what Unplug did.
func (h *Host) Plug(ctx context.Context) error { return h.network.link(ctx, h.port, "up") }

// Network is a switch with its hosts. It lies in 198.18.0.0/15, which
// RFC 2544 sets aside for tests, and needs neither forwarding nor a firewall
// rule of this machine.
type Network struct {
	Hosts []*Host

	server *Server
	name   string
}

// maxHosts is what a /26 holds beside this machine.
const maxHosts = 61

func startNetwork(ctx context.Context, n int) (*Network, error) {
	if n < 1 || n > maxHosts {
		return nil, fmt.Errorf("a network of %d hosts: must be 1 to %d", n, maxHosts)
	}
	s, err := newServer(ctx, nameHosts)
	if err != nil {
		return nil, err
	}
	// The folder's random number is in every name, so what the clean-up
	// removes is ours before it exists.
	_, number, _ := strings.Cut(filepath.Base(s.Dir()), "testenv-")
	w := &Network{server: s, name: "dte" + number}
	if err := w.build(ctx, n); err != nil {
		return nil, closeAfter(fmt.Errorf("%s: %w", s.name, err), s)
	}
	return w, nil
}

// build makes switch and hosts, after it has seen to their end.
func (w *Network) build(ctx context.Context, n int) error {
	names := []string{w.switchName()}
	for i := range n {
		names = append(names, fmt.Sprintf("%s-%d", w.name, i+1))
	}
	undo := w.shell(removeNetwork, append([]string{w.name}, names...)...)
	if _, err := w.server.guard.ask(ctx, guard.Request{Defer: &undo}); err != nil {
		return err
	}
	if err := w.server.guard.run(ctx, w.shell(makeSwitch, w.name, w.switchName())); err != nil {
		return err
	}
	subnet, err := w.claimSubnet(ctx)
	if err != nil {
		return err
	}
	addr := subnet.Addr().Next() // this machine
	for i, name := range names[1:] {
		addr = addr.Next()
		h := &Host{Name: name, Addr: addr.String(), network: w, port: fmt.Sprintf("port%d", i+1)}
		cmd := w.shell(makeHost, w.switchName(), h.Name, h.port, netip.PrefixFrom(addr, subnet.Bits()).String())
		if err := w.server.guard.run(ctx, cmd); err != nil {
			return err
		}
		w.Hosts = append(w.Hosts, h)
	}
	return nil
}

// claimSubnet takes a subnet that nobody else has. The kernel does not refuse
// a second one, so it looks after it has taken: of two that took the same at
// once, at least one sees the other, and takes another one.
func (w *Network) claimSubnet(ctx context.Context) (netip.Prefix, error) {
	for range 20 {
		k := rand.N(2048)
		addr := netip.AddrFrom4([4]byte{198, 18 + byte(k>>10), byte(k >> 2), byte(k << 6)})
		subnet := netip.PrefixFrom(addr, 26)
		err := w.server.guard.run(ctx, w.shell(claimAddress, w.name,
			netip.PrefixFrom(addr.Next(), 26).String(), subnet.String()))
		if err == nil {
			return subnet, nil
		}
		if ctx.Err() != nil {
			return netip.Prefix{}, context.Cause(ctx)
		}
		if !strings.Contains(err.Error(), "taken") {
			return netip.Prefix{}, err
		}
	}
	return netip.Prefix{}, errors.New("no free subnet in 198.18.0.0/15")
}

func (w *Network) switchName() string { return w.name + "-s" }

func (w *Network) link(ctx context.Context, port, state string) error {
	argv := []string{ipPath, "-n", w.switchName(), "link", "set", port, state}
	return w.server.guard.run(ctx, guard.Command{Argv: argv, Env: []string{"PATH=" + guardPath}})
}

// Close kills what runs on the hosts and removes them and the switch.
func (w *Network) Close() error { return w.server.Close() }

// Log returns nothing: a network writes none.
func (w *Network) Log() string { return w.server.name + " has no log" }

func (w *Network) shell(script string, args ...string) guard.Command {
	return guard.Command{
		Argv: append([]string{"/bin/sh", "-ec", script, "sh"}, args...),
		Env:  []string{"PATH=" + guardPath},
	}
}

// The switch has a namespace of its own, where no firewall of this machine
// looks at what passes.
const (
	makeSwitch = `
ip netns add "$2"
ip link add "$1" type veth peer name uplink netns "$2"
ip -n "$2" link add switch type bridge
ip -n "$2" link set uplink master switch up
ip -n "$2" link set switch up
ip link set "$1" up
`
	claimAddress = `
ip addr add "$2" dev "$1"
if [ "$(ip -o -4 addr show to "$3" | wc -l)" != 1 ]; then
	ip addr del "$2" dev "$1"
	echo taken
	exit 1
fi
`
	makeHost = `
ip netns add "$2"
ip -n "$2" link set lo up
ip -n "$1" link add "$3" type veth peer name eth0 netns "$2"
ip -n "$1" link set "$3" master switch up
ip -n "$2" addr add "$4" dev eth0
ip -n "$2" link set eth0 up
`
	removeNetwork = `
if [ -e "/sys/class/net/$1" ]; then ip link del "$1"; fi
shift
for ns; do
	if [ -e "/run/netns/$ns" ]; then
		ip netns pids "$ns" | xargs -r kill -9 || true
		ip netns del "$ns"
	fi
done
`
)
