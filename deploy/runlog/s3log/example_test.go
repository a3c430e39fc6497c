package s3log_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/s3log"
)

func ExampleNew() {
	client := s3.New(s3.Options{ // or s3.NewFromConfig
		Region: "eu-central-1", BaseEndpoint: aws.String("http://127.0.0.1:1"), // where nobody listens
		Retryer: aws.NopRetryer{},
	})
	log, err := s3log.New(client, "example-ops", &s3log.Options{Prefix: "runlog/"})
	if err != nil {
		fmt.Println(err)
		return
	}
	runner, err := deploy.New(log, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	var failure *s3log.Error
	fmt.Println(runner != nil, errors.As(log.Probe(context.Background()), &failure), failure.Op)
	// Output: true true open bucket example-ops
}

func ExampleNewAnchor() {
	auditor := s3.New(s3.Options{Region: "eu-central-1"}) // with other credentials than the log's
	anchor, err := s3log.NewAnchor(auditor, "example-audit", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	options := deploy.Options{Anchor: anchor}
	fmt.Println(options.Anchor != nil)
	// Output: true
}
