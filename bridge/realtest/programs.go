package realtest

import (
	"fmt"
	"os"
	"path/filepath"
)

// find is the last file that matches one of patterns (of several versions the newest), or an error
// that says how to get pkg.
func find(pkg string, patterns ...string) (string, error) {
	for _, pattern := range patterns {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		for i := len(paths) - 1; i >= 0; i-- {
			if fi, err := os.Stat(paths[i]); err == nil && fi.Mode()&0o111 != 0 {
				return paths[i], nil
			}
		}
	}
	return "", fmt.Errorf("%s is not installed: run `make deps` as root", pkg)
}
