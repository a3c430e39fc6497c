package s3artefact_test

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/masaruk/devops/deploy/step/artefact"
	"github.com/masaruk/devops/deploy/step/s3artefact"
)

func ExampleNew() {
	client := s3.New(s3.Options{Region: "eu-central-1"}) // or s3.NewFromConfig
	store, err := s3artefact.New(client, "example-artefacts", &s3artefact.Options{Prefix: "api/"})
	if err != nil {
		fmt.Println(err)
		return
	}
	push := &artefact.Push{Archive: "/srv/build/api.tar.gz", Digest: "${artefact}", Store: store}
	fmt.Println(push.Preview()[0])
	// Output: put /srv/build/api.tar.gz (<output artefact>) into s3://example-artefacts/api/
}
