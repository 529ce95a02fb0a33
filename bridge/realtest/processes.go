package realtest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// process is a line of the process table.
type process struct {
	pid, parent, group int
	name               string
}

// processes is the process table, without zombies: what is dead may wait for its parent.
func processes() []process {
	paths, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well formed
	var all []process
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // gone meanwhile
		}
		// pid (name) state parent group …, and the name may hold anything.
		open, end := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
		if open < 0 || end < open {
			continue
		}
		p := process{name: string(data[open+1 : end])}
		var state string
		fmt.Sscan(string(data[:open]), &p.pid)
		fmt.Sscan(string(data[end+1:]), &state, &p.parent, &p.group)
		if p.pid != 0 && state != "Z" && state != "X" {
			all = append(all, p)
		}
	}
	return all
}

// family is the process group that leader leads, and leader's children: PostgreSQL's lead groups of
// their own.
func family(leader int) []process {
	var members []process
	for _, p := range processes() {
		if p.group == leader || p.parent == leader {
			members = append(members, p)
		}
	}
	return members
}

// alive says whether any of ps, or of leader's process group, still runs.
func alive(leader int, ps []process) bool {
	were := map[int]bool{}
	for _, p := range ps {
		were[p.pid] = true
	}
	for _, p := range processes() {
		if p.group == leader || were[p.pid] {
			return true
		}
	}
	return false
}
