// Command strongroom is the whole product in one binary: the server, the development
// server, and the operator's command line.
//
// It owns how the program is asked: the command line, what configuration is read from
// where, what is printed and which status the process ends with. It decides nothing
// about credentials; that is what the packages below app are for.
//
//	main ─► run ─► kong parses ─► Run of one command ─► app, dev ─► report ─► status
//	                 │
//	                 └─ flag, else environment, else file, else default, for each
//	                    field of app.Config: one definition for all four
//
// Statuses: 0 done; 1 refused or failed, with a sentence on stderr; 2 asked wrongly.
//
// It refuses to print what it was given: an error says what a value should be and where
// it stands, since what stands there may be a secret in the wrong place.
package main
