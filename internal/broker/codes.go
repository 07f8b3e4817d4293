package broker

// Spoken are the names by which a platform may have words for the errors of this server: the
// codes of those that callers of its token paths and of the gateway may meet, and the
// classes of errors. Errors in which the platform itself said something are none of them: it
// has said its words.
func Spoken() []string {
	return []string{
		string(Transient), string(Throttled), string(BadCredential), string(Misconfigured), string(Denied), string(NotFound), string(Invalid),
		// Who asks, for which app, and may it?
		ErrUnauthorized.Code, ErrUnknownApp.Code, ErrAmbiguous.Code, ErrWrongApp.Code, ErrNotAllowed.Code, ErrUnknownKind.Code,
		// What is wrong with a call?
		ErrNoAppID.Code, ErrNoKey.Code, ErrBadGrant.Code, ErrNoGrantType.Code, ErrBadMethod.Code, ErrEmptyBody.Code, ErrBadBody.Code, ErrBadArgument.Code,
		ErrTokenMissing.Code, ErrTokenUnknown.Code, ErrTokenKind.Code, ErrTokenNotKept.Code, ErrRejected.Code,
		ErrBadPath.Code, ErrNoGateway.Code, ErrManagedHere.Code, "bad_method", "body_unreadable", "key_inside", "too_large",
		// Why is there no token?
		ErrNoToken.Code, ErrBudget.Code, ErrTooSoon.Code, "force_spent", "force_ignored", "given_again", "issue_abandoned", "seal_failed",
		"param_missing", "secret_missing", "bad_app_id", "bad_base_url", "bad_request",
		// What became of the server, its store, and the way to the platform?
		ErrNotReady.Code, ErrShuttingDown.Code, ErrStoreAway.Code, "internal", "busy",
		ErrUnreachable.Code, "too_many_open_files", "platform_timeout", "call_canceled", "platform_no_answer", "platform_garbage", "platform_redirect",
		"platform_http_4xx", "platform_http_429", "platform_http_5xx",
	}
}
