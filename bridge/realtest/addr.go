package realtest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
)

// Addr is "host:port".
type Addr string

// Host is the part before the port, always 127.0.0.1.
func (a Addr) Host() string {
	host, _, _ := net.SplitHostPort(string(a)) // made by port, below
	return host
}

// Port is the port's number.
func (a Addr) Port() int {
	_, port, _ := net.SplitHostPort(string(a))
	n, _ := strconv.Atoi(port)
	return n
}

// port takes a free port on loopback for this test binary, until it ends. The port is below the
// range that the kernel gives to outgoing connections, so that it is still free when a server starts
// again, and a name in the abstract socket namespace keeps other test binaries away. r.mu is held.
func (r *rig) port() (Addr, error) {
	low := 32768
	if data, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		fmt.Sscan(string(data), &low)
	}
	first := max(low-20000, 2000)
	if first >= low { // a machine that gives out all ports
		low = 60000
	}
	for range 1000 {
		n := first + rand.IntN(low-first)
		claim, err := net.Listen("unix", fmt.Sprintf("@ticketbridge-port-%d", n))
		if err != nil {
			continue
		}
		addr := fmt.Sprintf("127.0.0.1:%d", n)
		l, err := net.Listen("tcp", addr)
		if err != nil {
			claim.Close()
			continue
		}
		l.Close()
		r.ports = append(r.ports, claim)
		return Addr(addr), nil
	}
	return "", fmt.Errorf("no free port between %d and %d", first, low)
}

// takePorts gives each of addrs a port.
func (r *rig) takePorts(addrs ...*Addr) (err error) {
	for _, a := range addrs {
		if *a, err = r.port(); err != nil {
			return err
		}
	}
	return nil
}
