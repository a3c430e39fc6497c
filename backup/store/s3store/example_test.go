package s3store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/masaruk/devops/backup"
	"github.com/masaruk/devops/backup/store/s3store"
)

func ExampleNew() {
	client := s3.New(s3.Options{ // or s3.NewFromConfig
		Region: "eu-central-1", BaseEndpoint: aws.String("http://127.0.0.1:1"), // where nobody listens
		Retryer: aws.NopRetryer{},
	})
	store, err := s3store.New(client, "example-backups", &s3store.Options{
		Prefix: "db1/", LockMode: types.ObjectLockModeCompliance, LockDays: 30,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = store.Put(context.Background(), "data/one", strings.NewReader("content"))
	var failure *backup.StoreError
	fmt.Println(errors.As(err, &failure), failure.Op, failure.Name, errors.Is(err, s3store.ErrUnsafe))
	// Output: true put data/one false
}
