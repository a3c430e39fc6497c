package awssecrets_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/masaruk/devops/secrets/source/awssecrets"
)

// answering stands for AWS.
func answering(body string) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = fmt.Fprint(w, body)
	}))
}

func ExampleNewSecretsManager() {
	server := answering(`{"Name": "prod/api/db", "SecretString": "{\"password\": \"correct horse\"}"}`)
	defer server.Close()
	client := secretsmanager.New(secretsmanager.Options{ // or NewFromConfig
		Region: "eu-central-1", BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "example", ""),
	})
	vault, err := awssecrets.NewSecretsManager(client, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	password, err := vault.Lookup(context.Background(), "prod/api/db#password")
	fmt.Println(password, len(password.Reveal()), err)
	// Output: [redacted] 13 <nil>
}

func ExampleParameterStore_ByPath() {
	server := answering(`{"Parameters": [{"Name": "/prod/api/db", "Value": "a"}, {"Name": "/prod/api/key", "Value": "b"}]}`)
	defer server.Close()
	client := ssm.New(ssm.Options{ // or NewFromConfig
		Region: "eu-central-1", BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("AKID", "example", ""),
	})
	params, err := awssecrets.NewParameterStore(client, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	all, err := params.ByPath(context.Background(), "/prod/api")
	fmt.Println(slices.Sorted(maps.Keys(all)), err)
	// Output: [/prod/api/db /prod/api/key] <nil>
}
