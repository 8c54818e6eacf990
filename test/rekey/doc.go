// Package rekey kills the replacing and destroying of keys at every step, while a server in
// another process reads and writes, and looks whether everything still opens.
//
// It owns one promise: whatever step a process is killed at, running it again finishes; in
// between and afterwards every credential opens to what was acknowledged last, and what was
// erased opens nowhere. Each test runs over SQLite and over PostgreSQL.
//
//	strongroom serve ◄── readers and writers, all the while
//	     │ the same database
//	a process that kills itself at step 1, 2, 3 … of an operation, and one that finishes it
//
// It refuses stand-ins: processes die by SIGKILL, within transactions too.
package rekey
