package platform

import "encoding/json"

// AppendJSONString appends a string as JSON. Tokens are letters, digits, - and _ as a
// rule, and are copied; for one that is not, encoding/json does it.
func AppendJSONString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			q, err := json.Marshal(s)
			if err != nil {
				return append(b, `""`...)
			}
			return append(b, q...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
