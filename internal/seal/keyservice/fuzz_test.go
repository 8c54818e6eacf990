package keyservice

import (
	"errors"
	"strings"
	"testing"

	"strongroom/internal/seal"
)

// FuzzAnswers: whatever answers, in no service's form or in one's, is away, refused or
// tampered with, and nothing of it is repeated but a code of one word.
func FuzzAnswers(f *testing.F) {
	for _, body := range []string{
		"", "null", "[]", "{}", "<html>", `{"errors":null}`, `{"errors":["permission denied"]}`, `{"errors":[1]}`,
		`{"__type":"a#b#NotFoundException"}`, `{"__type":"#"}`, `{"__type":"hvs.canary-1"}`, `{"error":{"status":"NOT_FOUND"}}`,
		`{"error":{"code":"Forbidden","innererror":{"code":"KeyDisabled"}}}`, `{"error":{"code":"hvs.canary-1"}}`, `{"error":"x"}`,
	} {
		f.Add(400, []byte(body), false)
		f.Add(403, []byte(body), true)
	}
	k, c, v, t := &kms{}, &cloudKMS{}, &keyVault{}, &transit{}
	f.Fuzz(func(test *testing.T, status int, body []byte, decrypting bool) {
		for _, judge := range []func(int, []byte, bool) error{k.judgeAnswer, c.judgeAnswer, v.judgeAnswer, t.judgeAnswer} {
			err := judge(status, body, decrypting)
			if err == nil {
				continue
			}
			if strings.Contains(err.Error(), "canary") {
				test.Errorf("%v repeats what was answered", err)
			}
			if !seal.Away(err) && !errors.Is(err, seal.ErrRefused) && !errors.Is(err, seal.ErrTampered) {
				test.Errorf("%v is none of the three", err)
			}
		}
	})
}
