package client_test

import (
	"context"
	"encoding/json"
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

// A page of the business, to which the browser of a user who has logged in comes back, asks
// who that is. The login was begun by sending the browser to
// /oauth/shop/authorize?redirect_uri=…&state=….
func ExampleClient_Exchange() {
	c, err := client.New(client.Config{Addr: "http://127.0.0.1:8080", Key: os.Getenv("HUFU_KEY")})
	if err != nil {
		fmt.Println(err)
		return
	}
	pages := http.NewServeMux()
	begunHere := func(*http.Request) bool { return true } // the state is that of the visitor's own session
	pages.HandleFunc("GET /login/done", func(w http.ResponseWriter, r *http.Request) {
		if !begunHere(r) {
			http.Error(w, "this login was not begun here", http.StatusBadRequest)
			return
		}
		user, err := c.Exchange(r.Context(), "shop", api.ExchangeRequest{
			Code: r.FormValue("code"), RedirectURI: "https://www.example.com/login/done", // as the login was begun with
		})
		if p, ok := errors.AsType[*api.Problem](err); ok && p.Code == api.CodeBadCode {
			http.Error(w, "please log in again", http.StatusBadRequest)
			return
		}
		if err != nil {
			http.Error(w, "the login does not work just now", http.StatusBadGateway)
			return
		}
		_, _ = fmt.Fprintln(w, "welcome,", user.OpenID)
	})
}

// A page that uses the JS-SDK gets what wx.config wants.
func ExampleClient_SignPage() {
	c, err := client.New(client.Config{Addr: "http://127.0.0.1:8080", Key: os.Getenv("HUFU_KEY")})
	if err != nil {
		fmt.Println(err)
		return
	}
	pages := http.NewServeMux()
	pages.HandleFunc("GET /wx-config", func(w http.ResponseWriter, r *http.Request) {
		signed, err := c.SignPage(r.Context(), "shop", r.FormValue("url"))
		if err != nil {
			http.Error(w, "the page cannot be signed just now", http.StatusBadGateway)
			return
		}
		_ = json.NewEncoder(w).Encode(signed)
	})
}
