package killpoint

import "golang.org/x/sys/unix"

// olderCalls are those that later architectures do without.
func olderCalls() map[uintptr]string {
	return map[uintptr]string{
		unix.SYS_CREAT: "creat", unix.SYS_RENAME: "rename", unix.SYS_LINK: "link", unix.SYS_SYMLINK: "symlink", unix.SYS_UNLINK: "unlink",
		unix.SYS_MKDIR: "mkdir", unix.SYS_RMDIR: "rmdir", unix.SYS_CHMOD: "chmod", unix.SYS_CHOWN: "chown",
	}
}
