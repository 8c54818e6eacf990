package stored

import "encoding/json"

// EncodeTexts returns nil for no list, which is another than an empty one.
func EncodeTexts(list []string) ([]byte, error) {
	if list == nil {
		return nil, nil
	}
	return json.Marshal(list)
}

// DecodeTexts decodes what EncodeTexts made.
func DecodeTexts(encoded []byte) (list []string, err error) {
	if encoded != nil {
		err = json.Unmarshal(encoded, &list)
	}
	return list, err
}
