package testenv

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHostsTalkAndArePartitioned(t *testing.T) {
	t.Parallel()
	hosts := Hosts(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	server := asChild(hosts[0].Command(ctx, testBinary(t)), "echo :1")
	stdout, err := server.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, server.Start())
	defer func() { cancel(); _ = server.Wait() }() // it was killed
	_, err = bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)

	addr := net.JoinHostPort(hosts[0].Addr, "1")
	ask := func(limit time.Duration) error {
		return asChild(hosts[1].Command(t.Context(), testBinary(t)), fmt.Sprint("dial ", addr, " ", limit)).Run()
	}
	require.NoError(t, ask(time.Minute))
	require.NoError(t, dial(addr, time.Minute), "this machine reaches a host")
	require.ErrorIs(t, dial("127.0.0.1:1", time.Minute), syscall.ECONNREFUSED, "a host's port is not this machine's")

	const cut = 300 * time.Millisecond
	require.NoError(t, hosts[0].Unplug(t.Context()))
	require.Error(t, ask(cut))
	err = dial(addr, cut)
	require.Error(t, err)
	require.NotErrorIs(t, err, syscall.ECONNREFUSED)
	require.NotErrorIs(t, err, syscall.ECONNRESET)
	require.NoError(t, hosts[0].Plug(t.Context()))
	require.NoError(t, ask(time.Minute))
	require.NoError(t, dial(addr, time.Minute))
}

func TestHostRunsAnSSHD(t *testing.T) {
	t.Parallel()
	hosts := Hosts(t, 2)
	for _, h := range hosts {
		s := SSHD(t, SSHDOptions{Root: true, Host: h})
		out, err := s.Command(t.Context(), "ip -o -4 addr show eth0").Output()
		require.NoError(t, err)
		require.Contains(t, string(out), h.Addr+"/26")
	}
}

func TestNetworksAreApart(t *testing.T) {
	t.Parallel()
	a, b := Hosts(t, 1), Hosts(t, 1)
	require.NotEqual(t, a[0].Addr, b[0].Addr)
	out, err := a[0].Command(t.Context(), ipPath, "route", "get", b[0].Addr).CombinedOutput()
	require.Error(t, err, string(out))
}

func TestNetworkSizeIsChecked(t *testing.T) {
	t.Parallel()
	for _, n := range []int{-1, maxHosts + 1} {
		_, err := Start(t.Context(), Options{Hosts: n})
		require.ErrorContains(t, err, "must be 1 to 61")
	}
}

func TestTakenSubnetIsSeenAndLeft(t *testing.T) {
	t.Parallel()
	a, b := startedNetwork(t), startedNetwork(t)
	subnet := netip.PrefixFrom(netip.MustParseAddr(a.Hosts[0].Addr), 26).Masked()
	own := netip.PrefixFrom(subnet.Addr().Next(), 26)
	err := b.server.guard.run(t.Context(), b.shell(claimAddress, b.name, own.String(), subnet.String()))
	require.ErrorContains(t, err, "taken")
	require.NoError(t, dialRefused(a.Hosts[0].Addr), "the other network still works")
	out, err := exec.Command(ipPath, "-o", "-4", "addr", "show", "dev", b.name).Output()
	require.NoError(t, err)
	require.NotContains(t, string(out), own.Addr().String()+"/")
}

func startedNetwork(t *testing.T) *Network {
	t.Helper()
	return start(t, func(ctx context.Context) (*Network, error) { return startNetwork(ctx, 1) })
}

// dialRefused returns nil when the host at addr is there to refuse.
func dialRefused(addr string) error {
	_, err := net.DialTimeout("tcp", net.JoinHostPort(addr, "1"), 10*time.Second)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil
	}
	return fmt.Errorf("not refused: %w", err)
}
