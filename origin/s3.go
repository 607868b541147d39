package origin

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// S3 is an origin in a bucket of Amazon's S3 or a store that speaks like it. Keys come from the environment (AWS_ACCESS_KEY_ID,
// AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN) or the shared credentials file, and are never shown; without any it reads what is public.
//
// Two publishers are kept apart when the rollout is put: it replaces the one that was read, and no other.
type S3 struct {
	core           minio.Core
	bucket, prefix string
	endpoint       string

	mu   sync.Mutex
	etag string // of the rollout last read or put; absent: there was none
}

// absent is the ETag of what is not there.
const absent = "absent"

// defaultRegion counts where none is said. Without any the client would ask the store where the bucket lies, and read whatever that answers
// into memory.
const defaultRegion = "us-east-1"

// NewS3 is the origin at s3://bucket/prefix?endpoint=https://host:port&region=name. Without an endpoint AWS_ENDPOINT_URL says it, or it is
// Amazon's; without a region AWS_REGION or AWS_DEFAULT_REGION says it, or it is us-east-1.
func NewS3(address string) (*S3, error) {
	const want = "want s3://bucket/prefix?endpoint=https://host&region=name"
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "s3" || u.Host == "" || u.Fragment != "" {
		return nil, fmt.Errorf("origin: not an S3 address: %s", want)
	}
	if u.User != nil {
		return nil, fmt.Errorf("origin: keys don't belong into an address: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; %s", want)
	}
	query := u.Query()
	at, err := url.Parse(cmp.Or(query.Get("endpoint"), os.Getenv("AWS_ENDPOINT_URL"), "https://s3.amazonaws.com"))
	if err != nil || (at.Scheme != "https" && at.Scheme != "http") || at.Host == "" || at.User != nil || strings.Trim(at.Path, "/") != "" {
		return nil, fmt.Errorf("origin: the endpoint of %s: want https://host or https://host:port", u.Host)
	}
	dialer := &net.Dialer{Timeout: httpDial}
	client, err := minio.New(at.Host, &minio.Options{
		Creds:  credentials.NewChainCredentials([]credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.Static{}}),
		Secure: at.Scheme == "https", Region: cmp.Or(query.Get("region"), os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"), defaultRegion), MaxRetries: httpTries,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSHandshakeTimeout: httpDial, ResponseHeaderTimeout: httpHeaders,
			IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 8, MaxResponseHeaderBytes: 64 << 10, DisableCompression: true,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("origin: %s: %w", u.Host, err)
	}
	return &S3{core: minio.Core{Client: client}, bucket: u.Host, prefix: strings.Trim(u.Path, "/"), endpoint: at.Scheme + "://" + at.Host}, nil
}

// String is the address.
func (o *S3) String() string { return "s3://" + path.Join(o.bucket, o.prefix) + " at " + o.endpoint }

// Get reads an object.
func (o *S3) Get(ctx context.Context, name string, max int64) ([]byte, error) {
	if err := errors.Join(ctx.Err(), CheckName(name)); err != nil {
		return nil, err
	}
	asked := ctx
	ctx, cancel := context.WithTimeout(ctx, httpWhole)
	defer cancel()
	b, etag, err := o.get(ctx, name, max)
	if name == RolloutName && (err == nil || errors.Is(err, ErrNotFound)) {
		o.remember(etag)
	}
	if err != nil {
		return nil, o.fault(asked, ctx, name, err)
	}
	return b, nil
}

func (o *S3) get(ctx context.Context, name string, max int64) ([]byte, string, error) {
	body, info, _, err := o.core.GetObject(ctx, o.bucket, path.Join(o.prefix, name), minio.GetObjectOptions{})
	if err != nil {
		if minio.ToErrorResponse(err).Code == "NoSuchKey" {
			err = ErrNotFound
		}
		return nil, absent, err
	}
	defer body.Close()
	b, err := read(nil, body, info.Size, max)
	if err != nil {
		return nil, "", err
	}
	return b, info.ETag, nil
}

// fault says what went wrong, where.
func (o *S3) fault(asked, ctx context.Context, name string, err error) error {
	if asked.Err() == nil && ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", ErrSlow, ctx.Err())
	}
	return fmt.Errorf("origin %s: %s: %w", o, name, cmp.Or(asked.Err(), err))
}

func (o *S3) remember(etag string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.etag = etag
}

// Put writes an object, at once or not at all.
func (o *S3) Put(ctx context.Context, name string, data []byte) error {
	if err := errors.Join(ctx.Err(), CheckName(name)); err != nil {
		return err
	}
	options := minio.PutObjectOptions{
		ContentType: "application/octet-stream", CacheControl: "public, max-age=31536000, immutable", DisableMultipart: true, SendContentMd5: true,
	}
	if name == RolloutName {
		options.CacheControl = "no-cache"
		o.expect(&options)
	}
	asked := ctx
	ctx, cancel := context.WithTimeout(ctx, httpWhole)
	defer cancel()
	info, err := o.core.Client.PutObject(ctx, o.bucket, path.Join(o.prefix, name), bytes.NewReader(data), int64(len(data)), options)
	if err != nil {
		if minio.ToErrorResponse(err).StatusCode == http.StatusPreconditionFailed {
			err = fmt.Errorf("%w: the rollout has changed since it was read", ErrLocked)
		}
		return o.fault(asked, ctx, name, err)
	}
	if name == RolloutName {
		o.remember(info.ETag)
	}
	return nil
}

// expect makes a put replace what was read before, where anything was read.
func (o *S3) expect(options *minio.PutObjectOptions) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch o.etag {
	case "":
	case absent:
		options.SetMatchETagExcept("*")
	default:
		options.SetMatchETag(o.etag)
	}
}
