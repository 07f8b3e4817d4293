package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/client"
)

// A business server asks for the token before each use and says when the platform
// rejected it.
func ExampleClient() {
	c, err := client.New(client.Config{Addr: "http://127.0.0.1:8080", Key: os.Getenv("HUFU_KEY")})
	if err != nil {
		fmt.Println(err)
		return
	}
	use := func(context.Context, string) (rejected bool) { return false } // the platform's API

	ctx := context.Background()
	token, err := c.Token(ctx, "shop", "access_token", client.TokenOptions{})
	if err == nil && use(ctx, token.Token) {
		if token, err = c.Renew(ctx, "shop", "access_token", token.Version); err == nil {
			use(ctx, token.Token)
		}
	}
	if p, ok := errors.AsType[*api.Problem](err); ok && p.Status == http.StatusForbidden {
		fmt.Println("the client may not read shop:", p.Hint)
	}
}
