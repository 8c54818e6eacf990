// Command load measures the whole service under load, as a real process: CPU a secrets
// read, resident memory, and the time of a start, each as a ratio to its stated limit.
//
// It stores credentials in a database of its own, builds and starts `strongroom serve`
// on it, reads over many connections at once, and takes the server's own CPU time and
// memory from the operating system. In turn with it, round by round, it reads from a bare
// program that does the least there is to do (bare.go): the ratio of the two holds on a
// slow or busy machine too.
//
//	go run ./test/load               SQLite, one process
//	go run ./test/load -postgres     1 and 3 replicas on a PostgreSQL of its own, each against
//	                                 as many of a bare program (bare_postgres.go)
//	go run ./test/load -million      reads among a million credentials in a thousand
//	                                 organizations against reads among a thousand, in as many
//	                                 organizations and in one; over 1 connection, 8, and as
//	                                 many as keep the machine at its limit
//
// It never fails on a figure: it prints them.
package main
