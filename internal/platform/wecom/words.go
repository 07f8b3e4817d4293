package wecom

import "github.com/hufu-io/hufu/internal/platform/declared"

// words are this server's errors in WeCom's terms.
func words() map[string]declared.Word {
	var (
		corpID    = declared.Word{Code: "40013", Message: "invalid corpid"}
		rejected  = declared.Word{Code: "40014", Message: "invalid access_token"}
		frequency = declared.Word{Code: "45009", Message: "api freq out of limit"}
		forbidden = declared.Word{Code: "48002", Message: "api forbidden"}
	)
	return map[string]declared.Word{
		"unknown_app":      corpID,
		"wrong_app":        corpID,
		"app_id_missing":   {Code: "41002", Message: "corpid missing"},
		"key_missing":      {Code: "41004", Message: "corpsecret missing"},
		"unauthorized":     {Code: "40001", Message: "invalid credential"},
		"wrong_method":     {Code: "43001", Message: "require GET method"},
		"empty_body":       {Code: "44002", Message: "empty post data"},
		"bad_body":         {Code: "47001", Message: "data format error"},
		"bad_argument":     {Code: "40005", Message: "invalid type"},
		"token_missing":    {Code: "41001", Message: "access_token missing"},
		"token_unknown":    rejected,
		"wrong_token_kind": rejected,
		"token_rejected":   rejected,
		"token_not_kept":   forbidden,
		"not_allowed":      forbidden,
		"managed_here":     forbidden,
		"no_gateway":       forbidden,
		"bad_path":         forbidden,
		"unknown_kind":     forbidden,
		"throttled":        frequency,
		"":                 {Code: "-1", Message: "system busy"},
	}
}
