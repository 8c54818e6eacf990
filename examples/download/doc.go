// Command download is a worker that fetches an SFTP credential and downloads a file.
//
//	STRONGROOM_URL=http://127.0.0.1:8080 STRONGROOM_KEY=saf_… \
//	  go run ./examples/download CREDENTIAL_ID REMOTE_PATH > file
//
// The server has to prove itself before anything that signs in is sent to it: by the
// credential's host_key or, without one, by the key that Strongroom's connection test has
// seen (known_host). With neither, download refuses.
//
// It exits with 0 once the whole file is written, with 1 and a sentence where that did not
// come about, and with 2 where it was called wrongly. It refuses servers that ask for a
// password by a prompt of their own (keyboard-interactive) only.
package main
