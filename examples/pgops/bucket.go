package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/backup/store/s3store"
)

// bucketURL is a repository in a bucket:
//
//	s3://bucket/prefix?endpoint=https://host:port&region=eu-central-1&path-style=true
//
// Without an endpoint it is one of AWS. With one, path-style is true and the
// region us-east-1 where nothing else is said, which most other services take.
type bucketURL struct {
	bucket, prefix   string
	endpoint, region string
	pathStyle        bool
}

func parseBucketURL(u *url.URL) (*bucketURL, error) {
	b := &bucketURL{bucket: u.Host, prefix: strings.Trim(u.Path, "/")}
	if u.User != nil {
		return nil, errors.New("-repo: an s3 URL holds no credentials; give them as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or in another way that the AWS tools know")
	}
	if b.bucket == "" {
		return nil, errors.New("-repo: the s3 URL names no bucket; it is s3://bucket/prefix")
	}
	if b.prefix != "" {
		b.prefix += "/"
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("-repo: what follows the ? in the s3 URL is not of the form key=value&key=value")
	}
	b.pathStyle = query.Has("endpoint")
	for key, values := range query {
		if len(values) != 1 || values[0] == "" {
			return nil, fmt.Errorf("-repo: the s3 URL gives %q %d times, or nothing for it", key, len(values))
		}
		if err := b.set(key, values[0]); err != nil {
			return nil, fmt.Errorf("-repo: the s3 URL: %w", err)
		}
	}
	return b, nil
}

func (b *bucketURL) set(key, value string) (err error) {
	switch key {
	case "endpoint":
		b.endpoint = value
		e, err := url.Parse(value)
		if err != nil || e.Scheme != "http" && e.Scheme != "https" || e.Host == "" || e.User != nil {
			return errors.New("endpoint is not of the form https://host:port")
		}
	case "region":
		b.region = value
	case "path-style":
		if b.pathStyle, err = strconv.ParseBool(value); err != nil {
			return fmt.Errorf("path-style is %q, neither true nor false", value)
		}
	default:
		return fmt.Errorf("key %q is unknown; known are endpoint, region and path-style", key)
	}
	return nil
}

// openBucket opens a bucket with the credentials of the AWS environment.
func openBucket(ctx context.Context, u *url.URL) (backup.Store, error) {
	b, err := parseBucketURL(u)
	if err != nil {
		return nil, err
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("-repo: the AWS environment: %w", err)
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = b.pathStyle
		if b.endpoint != "" {
			o.BaseEndpoint, o.Region = &b.endpoint, cmp.Or(o.Region, "us-east-1")
		}
		o.Region = cmp.Or(b.region, o.Region)
	})
	if client.Options().Region == "" {
		return nil, errors.New("-repo: no region is given; add region=... to the s3 URL, or set AWS_REGION")
	}
	return s3store.New(client, b.bucket, &s3store.Options{Prefix: b.prefix})
}
