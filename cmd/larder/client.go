package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/spf13/cobra"
	"gopkg.in/ini.v1"
)

// client is the way to a server: the API through the AWS SDK, and what else a
// command needs to know of it.
type client struct {
	*codeartifact.Client
	URL         string // empty: AWS's own service
	Region      string
	Credentials aws.CredentialsProvider
	config      aws.Config // of other clients of the SDK
	http        aws.HTTPClient
}

const (
	// callTime bounds one command's conversation with the server.
	callTime = 30 * time.Second
	// noServer is said where neither the environment nor a data folder names one.
	noServer = "no server is known: start one here with `larder serve`, name its data folder with --data, or set AWS_ENDPOINT_URL and credentials"
)

// addDataFlag lets a command be told which server of this machine is meant.
func addDataFlag(cmd *cobra.Command) {
	cmd.Flags().String("data", "", "data `folder` of a server on this machine (default: AWS_ENDPOINT_URL, else LARDER_DATA, else ./"+defaultData+")")
	_ = cmd.MarkFlagDirname("data")
}

// newClient finds server and credentials: of the folder that --data names;
// else as AWS tools do, where they are told an endpoint (AWS_ENDPOINT_URL,
// AWS_ENDPOINT_URL_CODEARTIFACT, endpoint_url of a profile); else of the data
// folder LARDER_DATA or ./larder-data; else, where AWS credentials are there,
// AWS itself.
func newClient(cmd *cobra.Command) (*client, error) {
	ctx := cmd.Context()
	if dir, _ := cmd.Flags().GetString("data"); dir != "" {
		return folderClient(ctx, dataFolder(dir))
	}
	cfg, err := loadSettings(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot read the AWS settings: %w", err)
	}
	base := codeartifact.NewFromConfig(cfg).Options().BaseEndpoint
	here := dataFolder(firstOf(os.Getenv(envName("data")), defaultData))
	if base != nil {
		return endpointClient(ctx, cfg, *base, here)
	}
	if _, err := os.Stat(here.credentials()); err == nil || os.Getenv(envName("data")) != "" {
		return folderClient(ctx, here)
	}
	if cfg.Region == "" {
		return nil, errors.New(noServer)
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return nil, errors.New(noServer)
	}
	return makeClient(cfg, ""), nil
}

// loadSettings reads what AWS tools are told. Where that names an endpoint,
// roles are assumed there, too: left alone, the SDK would show the tokens of CI
// jobs to AWS, since it makes the client for that before it reads the endpoint.
func loadSettings(ctx context.Context) (aws.Config, error) {
	load := func(more ...func(*config.LoadOptions) error) (aws.Config, error) {
		return config.LoadDefaultConfig(ctx, append(more, config.WithEC2IMDSClientEnableState(imds.ClientDisabled))...)
	}
	cfg, err := load()
	if err != nil {
		return cfg, err
	}
	o := sts.NewFromConfig(cfg).Options()
	if o.BaseEndpoint == nil {
		o.BaseEndpoint = codeartifact.NewFromConfig(cfg).Options().BaseEndpoint
	}
	if o.BaseEndpoint == nil {
		return cfg, nil
	}
	return load(
		config.WithWebIdentityRoleCredentialOptions(func(role *stscreds.WebIdentityRoleOptions) {
			role.Client = sts.New(sts.Options{Region: firstOf(o.Region, defaultRegion), BaseEndpoint: o.BaseEndpoint, HTTPClient: o.HTTPClient})
		}),
		config.WithAssumeRoleCredentialOptions(func(role *stscreds.AssumeRoleOptions) {
			if c, ok := role.Client.(*sts.Client); ok { // with the credentials that assume the role
				there := c.Options()
				there.BaseEndpoint = o.BaseEndpoint
				role.Client = sts.New(there)
			}
		}))
}

// endpointClient is for a server that AWS settings name. Where they have no
// credentials, those of the data folder serve, if its server is that one.
func endpointClient(ctx context.Context, cfg aws.Config, endpoint string, here dataFolder) (*client, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("AWS_ENDPOINT_URL is no http or https URL; set it to the server's, such as http://%s", defaultListen)
	}
	endpoint = strings.TrimRight(endpoint, "/")
	if cfg.Region == "" {
		cfg.Region = defaultRegion
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		var call *smithy.OperationError
		if errors.As(err, &call) && call.ServiceID == sts.ServiceID {
			return nil, fmt.Errorf("the role that the AWS settings name cannot be assumed: %w", (&client{URL: endpoint}).say(err))
		}
		r, errRunning := here.running()
		if errRunning != nil || r.URL != endpoint {
			return nil, fmt.Errorf("there are no credentials for %s: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SHARED_CREDENTIALS_FILE to the file credentials in the server's data folder", endpoint)
		}
		if cfg.Credentials, err = here.readCredentials(); err != nil {
			return nil, err
		}
	}
	return makeClient(cfg, endpoint), nil
}

// folderClient is for the server of a data folder on this machine.
func folderClient(ctx context.Context, d dataFolder) (*client, error) {
	r, err := d.running()
	if errors.Is(err, fs.ErrNotExist) {
		hint := ""
		if string(d) != defaultData {
			hint = " --data " + shellWord(string(d))
		}
		return nil, fmt.Errorf("no server runs with the data folder %s; start it with: larder serve%s", string(d), hint)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read where the server of %s is: %w", string(d), err)
	}
	creds, err := d.readCredentials()
	if err != nil {
		return nil, err
	}
	cfg := aws.Config{Region: firstOf(r.Region, defaultRegion), Credentials: creds, HTTPClient: &http.Client{Transport: r.transport()}}
	return makeClient(cfg, r.URL), nil
}

// readCredentials reads the key of the first start.
func (d dataFolder) readCredentials() (aws.CredentialsProvider, error) {
	file, err := ini.Load(d.credentials())
	if err != nil {
		return nil, fmt.Errorf("cannot read the credentials of the data folder: %w; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead", err)
	}
	s := file.Section("default")
	id, secret := s.Key("aws_access_key_id").String(), s.Key("aws_secret_access_key").String()
	if id == "" || secret == "" {
		return nil, fmt.Errorf("%s has no access key in the profile default", d.credentials())
	}
	return credentials.NewStaticCredentialsProvider(id, secret, ""), nil
}

func makeClient(cfg aws.Config, endpoint string) *client {
	cfg.RetryMaxAttempts = 2
	c := &client{URL: endpoint, Region: cfg.Region, Credentials: cfg.Credentials, config: cfg}
	c.Client = codeartifact.NewFromConfig(cfg, func(o *codeartifact.Options) {
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
		c.http = o.HTTPClient
	})
	return c
}

// say turns an error of the API or the network into a sentence with what to do next.
func (c *client) say(err error) error {
	var api smithy.APIError
	var op *net.OpError
	var untrusted *tls.CertificateVerificationError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &untrusted):
		return fmt.Errorf("the certificate of %s is not good here (%w): name the file of who signed it in AWS_CA_BUNDLE, or, beside the server, its data folder with --data", firstOf(c.URL, "AWS"), untrusted.Err)
	case errors.As(err, &api):
		return newFailure(api.ErrorCode(), resourceType(err), api.ErrorMessage())
	case errors.As(err, &op), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no server answers at %s; is it running? Start it with: larder serve", firstOf(c.URL, "AWS"))
	}
	return err
}

// newFailure is an error of the API, with what helps against it where that is known.
func newFailure(code, resource, message string) error {
	return &apiFailure{code, resource, strings.TrimRight(firstOf(message, "it gives no reason"), ".") + " (" + code + ")" + hintFor(code)}
}

// resourceType is the type of the resource that an error is about.
func resourceType(err error) string {
	var missing *types.ResourceNotFoundException
	if errors.As(err, &missing) {
		return string(missing.ResourceType)
	}
	return ""
}

// hintFor says what helps against an error that is not about the request itself.
func hintFor(code string) string {
	switch code {
	case "UnrecognizedClientException", "InvalidSignatureException", "InvalidClientTokenId", "SignatureDoesNotMatch", "MissingAuthenticationTokenException":
		return "; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or unset AWS_ENDPOINT_URL to use the server's own credentials in its data folder"
	case "ExpiredTokenException", "ExpiredToken":
		return "; your AWS credentials have ended, get new ones"
	}
	return ""
}

func firstOf(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}

// httpClient is for what the SDK does not know.
func (c *client) httpClient() aws.HTTPClient {
	if c.http != nil {
		return c.http
	}
	return http.DefaultClient
}
