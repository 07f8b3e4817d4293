package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/silenceper/wechat/v2/cache"
	"github.com/silenceper/wechat/v2/credential"
)

// cached prints the token that the SDK takes out of a Redis for an official account and for
// a mini program, as a business server with the SDK's Redis cache does. The secret it has is
// none: a token that is not there cannot be had in another way.
//
// usage: sdkcheck cached HOST:PORT PASSWORD OFFICIAL_ACCOUNT MINI_PROGRAM
func cached(args []string) error {
	if len(args) != 4 {
		return errors.New("usage: cached HOST:PORT PASSWORD OFFICIAL_ACCOUNT MINI_PROGRAM")
	}
	redis := cache.NewRedis(context.Background(), &cache.RedisOpts{Host: args[0], Password: args[1]})
	for i, prefix := range []string{credential.CacheKeyOfficialAccountPrefix, credential.CacheKeyMiniProgramPrefix} {
		token, err := credential.NewDefaultAccessToken(args[2+i], "none", prefix, redis).GetAccessToken()
		if err != nil {
			return fmt.Errorf("read the token of %s: %w", args[2+i], err)
		}
		fmt.Println(token)
	}
	return nil
}
