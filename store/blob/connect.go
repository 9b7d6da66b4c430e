package blob

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	gcaws "gocloud.dev/aws"
)

const (
	attempts   = 4               // of one request, by the SDK
	maxBackoff = time.Second     // between two attempts
	dialWait   = 3 * time.Second // for a connection
)

// place is what an s3:// URL says.
type place struct {
	bucket, prefix string // prefix is empty or ends with a slash
	endpoint       string
	pathStyle      bool
	rest           url.Values // for gocloud.dev/aws
}

// parseURL reads s3://BUCKET/PREFIX?endpoint=…&region=…&use_path_style=true.
func parseURL(raw string) (place, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return place{}, errors.New("it is not a URL") // the parser's own words repeat the URL
	}
	p := place{bucket: u.Host, prefix: strings.Trim(u.Path, "/"), rest: u.Query()}
	switch {
	case u.Scheme != "s3" || p.bucket == "":
		return place{}, errors.New("it must look like s3://BUCKET/PREFIX")
	case u.User != nil:
		return place{}, errors.New("keys do not belong into it; use store.files_access_key and store.files_secret_key")
	case strings.Contains(p.prefix, ".."):
		return place{}, errors.New("its prefix must not contain ..")
	}
	if p.prefix != "" {
		p.prefix += "/"
	}
	p.endpoint = p.rest.Get("endpoint")
	if style := p.rest.Get("use_path_style"); style != "" {
		if p.pathStyle, err = strconv.ParseBool(style); err != nil {
			return place{}, errors.New("use_path_style must be true or false")
		}
	}
	if e, err := url.Parse(p.endpoint); p.endpoint != "" && (err != nil || e.Host == "" || e.Scheme != "http" && e.Scheme != "https") {
		return place{}, errors.New("endpoint must look like https://HOST:PORT")
	}
	p.rest.Del("endpoint")
	p.rest.Del("use_path_style")
	if p.rest.Get("region") == "" {
		p.rest.Set("region", "us-east-1")
	}
	return p, nil
}

// connect makes the client; it sends nothing.
func connect(ctx context.Context, p place, o BucketOptions) (*s3.Client, *http.Transport, error) {
	cfg, err := gcaws.V2ConfigFromURLParams(ctx, p.rest)
	if err != nil {
		return nil, nil, err
	}
	if o.AccessKey != "" {
		cfg.Credentials = credentials.NewStaticCredentialsProvider(o.AccessKey, o.SecretKey, "")
	}
	transport := &http.Transport{
		Proxy:       http.ProxyFromEnvironment,
		DialContext: (&net.Dialer{Timeout: dialWait}).DialContext, TLSHandshakeTimeout: dialWait,
		ForceAttemptHTTP2: true, MaxIdleConns: 64, MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute,
		ExpectContinueTimeout: time.Second,
	}
	cfg.HTTPClient = &http.Client{Transport: transport, CheckRedirect: refuseRedirect}
	cfg.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(so *retry.StandardOptions) {
			so.MaxAttempts, so.MaxBackoff, so.RateLimiter = attempts, maxBackoff, ratelimit.None
		})
	}
	client := s3.NewFromConfig(cfg, func(so *s3.Options) {
		so.UsePathStyle = p.pathStyle
		so.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired // original checks by itself
		if p.endpoint != "" {
			so.BaseEndpoint = aws.String(p.endpoint)
		}
	})
	return client, transport, nil
}

// refuseRedirect keeps signed requests and their bytes from going elsewhere.
func refuseRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// badURL is a mistake in the configuration; raw may hold a secret and is not shown.
func badURL(err error) error { return fmt.Errorf("open the file store: store.files: %w", err) }
