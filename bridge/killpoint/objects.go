package killpoint

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// objects tells what a process's calls are about.
type objects struct {
	pid   int
	ports map[string]int // where sockets were connected to, by "socket:[inode]"
}

// of names the object of a call. seen is false for what nobody outside can see:
// Go's own wake-ups.
func (o objects) of(name string, n notification) (object string, seen bool) {
	if !onFile(name) {
		return "", true
	}
	link, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", o.pid, int32(n.args[0])))
	if err != nil {
		return "", true
	}
	kind, _, _ := strings.Cut(link, ":")
	switch {
	case link == "anon_inode:[eventfd]":
		return "", false
	case kind == "socket":
		if name == "connect" {
			o.ports[link] = o.port(n.args[1])
		}
		if port := o.ports[link]; port > 0 {
			return fmt.Sprintf("tcp %d", port), true
		}
		return "socket", true
	case kind == "pipe":
		return kind, true
	}
	return filepath.Base(link), true
}

// onFile says whether a call's first argument is an open file.
func onFile(name string) bool {
	switch {
	case strings.HasSuffix(name, "at"), strings.HasSuffix(name, "at2"), strings.HasPrefix(name, "ch"):
		return false
	case name == "creat", name == "rename", name == "link", name == "symlink", name == "unlink", name == "mkdir", name == "rmdir",
		name == "truncate", name == "msync", name == "kill":
		return false
	}
	return true
}

// port reads the port of the address that connect was given; 0: it has none.
func (o objects) port(address uint64) int {
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", o.pid))
	if err != nil {
		return 0
	}
	defer mem.Close()
	sockaddr := make([]byte, 4)
	if _, err := mem.ReadAt(sockaddr, int64(address)); err != nil {
		return 0
	}
	if family := binary.NativeEndian.Uint16(sockaddr); family != unix.AF_INET && family != unix.AF_INET6 {
		return 0
	}
	return int(binary.BigEndian.Uint16(sockaddr[2:]))
}
