package durable

import "syscall"

// Space tells what the file system of path has for this account, free and in
// all, in bytes: root's reserve is left out of free.
func Space(path string) (free, total int64, err error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(path, &st); err != nil {
		return 0, 0, Error(err)
	}
	return int64(st.Bavail) * st.Bsize, int64(st.Blocks) * st.Bsize, nil
}
