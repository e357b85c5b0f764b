package s3

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"larder/registry"
)

// Sizes of parts in bytes: S3 takes 5 MiB to 5 GiB, and 10,000 of them.
const (
	defaultPart  = 8 << 20
	smallestPart = 5 << 20
	largestPart  = 1 << 30
)

// encryption is what the store is asked to do at rest; empty: what the bucket says.
type encryption string

const (
	withStoreKeys encryption = "s3"  // SSE-S3
	withKMS       encryption = "kms" // SSE-KMS
)

// redirect is when readers are sent to the store itself.
type redirect string

const (
	never  redirect = "off"
	always redirect = "on"
	asked  redirect = "asked"
)

// Config is what a URL says.
type Config struct {
	Bucket, Prefix string // the prefix ends with "/" or is empty
	CacheSize      int64  // bytes of local copies; 0: none

	endpoint   string // host and port
	options    minio.Options
	part       int
	encryption encryption
	key        string // of KMS, where the domain names none
	redirect   redirect
}

const form = "write s3://[KEY:SECRET@]BUCKET/PREFIX?endpoint=https://HOST:PORT"

// Parse reads s3://[KEY:SECRET@]BUCKET/PREFIX with these parameters:
//
//	endpoint=https://HOST:PORT    where the store is; needed
//	region=NAME                   of the bucket; default us-east-1
//	style=path|virtual            how the bucket is named; default path
//	sse=s3|kms, kms-key=ARN       encryption at rest; kms takes the domain's key before kms-key
//	redirect=off|on|asked         send readers to the store; default off
//	part-size=8MiB                of uploads, 5MiB to 1GiB
//	cache=SIZE                    local copies up to that size; default none
//
// Without a key in the URL it is taken from the environment (AWS_ACCESS_KEY_ID …),
// the shared credentials file, or the machine's role. Invalid: what is not of
// this form; the message holds no part of the URL.
func Parse(raw string) (*Config, error) {
	bad := func(what string) error {
		return registry.Errorf(registry.Invalid, "the S3 URL cannot be used: %s; %s", what, form)
	}
	u, err := url.Parse(raw)
	if err != nil || !strings.EqualFold(u.Scheme, "s3") {
		return nil, bad("it is no URL")
	}
	if u.Host == "" || u.Port() != "" {
		return nil, bad("it names no bucket")
	}
	c := &Config{
		Bucket: u.Host, Prefix: strings.Trim(u.Path, "/"), part: defaultPart, redirect: never,
		options: minio.Options{Region: "us-east-1", BucketLookup: minio.BucketLookupPath, MaxRetries: 3},
	}
	if c.Prefix != "" {
		c.Prefix += "/"
	}
	for name, values := range u.Query() {
		if len(values) != 1 {
			return nil, bad("a parameter is there twice")
		}
		if err := c.set(name, values[0]); err != "" {
			return nil, bad(err)
		}
	}
	if c.endpoint == "" {
		return nil, bad("it has no endpoint")
	}
	if c.key != "" && c.encryption != withKMS {
		return nil, bad("kms-key is for sse=kms")
	}
	c.options.Creds = machineCredentials()
	if u.User != nil {
		secret, _ := u.User.Password()
		if u.User.Username() == "" || secret == "" {
			return nil, bad("a key stands there without its secret")
		}
		c.options.Creds = credentials.NewStaticV4(u.User.Username(), secret, "")
	}
	return c, nil
}

// set takes one parameter, or says what is wrong with it.
func (c *Config) set(name, value string) string {
	switch name {
	case "endpoint":
		at, err := url.Parse(value)
		if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" || strings.Trim(at.Path, "/") != "" {
			return "endpoint is an http or https address without a path"
		}
		c.endpoint, c.options.Secure = at.Host, at.Scheme == "https"
	case "region":
		c.options.Region = value
	case "style":
		switch value {
		case "path":
			c.options.BucketLookup = minio.BucketLookupPath
		case "virtual":
			c.options.BucketLookup = minio.BucketLookupDNS
		default:
			return "style is path or virtual"
		}
	case "sse":
		c.encryption = encryption(value)
		if c.encryption != withStoreKeys && c.encryption != withKMS {
			return "sse is s3 or kms"
		}
	case "kms-key":
		c.key = value
	case "redirect":
		c.redirect = redirect(value)
		if c.redirect != never && c.redirect != always && c.redirect != asked {
			return "redirect is off, on or asked"
		}
	case "part-size":
		n, err := humanize.ParseBytes(value)
		if err != nil || n < smallestPart || n > largestPart {
			return "part-size is 5MiB to 1GiB"
		}
		c.part = int(n)
	case "cache":
		n, err := humanize.ParseBytes(value)
		if err != nil || n == 0 || n > 1<<60 {
			return "cache is a size such as 20GiB"
		}
		c.CacheSize = int64(n)
	default:
		return "it has a parameter that is not known"
	}
	return ""
}

// machineCredentials are those that AWS tools find by themselves.
func machineCredentials() *credentials.Credentials {
	return credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{},
		&credentials.FileAWSCredentials{},
		&credentials.IAM{Client: &http.Client{Timeout: 5 * time.Second}},
	})
}
