package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/hufu-io/hufu/internal/sandbox"
)

// A platform that loses the answer after it has issued: the caller cannot know
// what became of its request, the sandbox does.
func ExampleSandbox() {
	sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{{ID: "wx0123456789abcdef", Secret: "s3cret"}}})
	sb.Inject(sandbox.Fault{Path: "/cgi-bin/token", Kind: sandbox.FaultLost, Times: 1})

	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet,
		"https://api.weixin.qq.com/cgi-bin/token?grant_type=client_credential&appid=wx0123456789abcdef&secret=s3cret", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := sb.Transport().RoundTrip(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	fmt.Println("answer lost:", errors.Is(err, io.EOF))
	fmt.Println("issues:", sb.Counts("wx0123456789abcdef").Issues)
	fmt.Println("current token lives:", sb.Live(sb.Current("wx0123456789abcdef", sandbox.Classic)))
	// Output:
	// answer lost: true
	// issues: 1
	// current token lives: true
}
