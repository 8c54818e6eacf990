package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of /proc/PID/stat's times: USER_HZ, 100 on every Linux port that
// Go runs on.
const clockTick = 10 * time.Millisecond

// processCPU returns user and system time of a process and its threads (proc(5): fields
// 14 and 15 of /proc/PID/stat).
func processCPU(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The second field, the name, may hold spaces; it ends in the last parenthesis.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const user, system = 14 - 3, 15 - 3
	if len(fields) <= system {
		return 0, fmt.Errorf("/proc/%d/stat is not of the known form", pid)
	}
	var ticks int64
	for _, i := range []int{user, system} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

// peakMemory returns the most memory that the process ever had resident, in bytes.
func (s *server) peakMemory() (int64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", s.process.Process.Pid))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kilobytes, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, fmt.Errorf("the process's peak memory is not told here")
}

// hugePages tells how many huge pages the system has set aside, and how large they are; without
// them every page of memory that is not in a cache of the processor's costs a look-up more.
func hugePages() string {
	number, size := "unknown", "unknown"
	info, _ := os.ReadFile("/proc/meminfo") // where there is none, it is not known
	for line := range strings.Lines(string(info)) {
		name, value, _ := strings.Cut(line, ":")
		switch name {
		case "HugePages_Total":
			number = strings.TrimSpace(value)
		case "Hugepagesize":
			size = strings.TrimSpace(value)
		}
	}
	return number + " of " + size
}
