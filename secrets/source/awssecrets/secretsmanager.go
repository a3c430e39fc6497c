package awssecrets

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/masaruk/devops/secrets"
)

// current is the stage of the version that is in use.
const current = "AWSCURRENT"

// SecretsManagerOptions adjusts [NewSecretsManager].
type SecretsManagerOptions struct {
	// Stage is the label of the version to get: AWSCURRENT. Others are
	// AWSPREVIOUS, AWSPENDING and labels of one's own.
	Stage string
}

// SecretsManager is a [secrets.Source] of AWS Secrets Manager. It is safe for
// concurrent use.
type SecretsManager struct {
	client *secretsmanager.Client
	stage  string
}

var _ secrets.Source = (*SecretsManager)(nil)

// NewSecretsManager makes a source of what client can reach. It asks nothing
// yet. The error says that there is no client.
func NewSecretsManager(client *secretsmanager.Client, opts *SecretsManagerOptions) (*SecretsManager, error) {
	if client == nil {
		return nil, errors.New("awssecrets: the client of Secrets Manager is nil: make one with secretsmanager.NewFromConfig")
	}
	s := &SecretsManager{client, current}
	if opts != nil && opts.Stage != "" {
		s.stage = opts.Stage
	}
	return s, nil
}

// Lookup returns the secret of a name such as "prod/api/db#password"; see the
// manual of the package for names and errors.
func (s *SecretsManager) Lookup(ctx context.Context, name string) (secrets.Value, error) {
	v, err := s.lookup(ctx, name)
	if err != nil {
		return secrets.Value{}, s.failed(name, err)
	}
	return v, nil
}

func (s *SecretsManager) failed(name string, err error) error {
	kind := "aws secrets manager"
	if s.stage != current {
		kind += " " + s.stage
	}
	return &secrets.SourceError{Source: kind, Name: name, Err: err}
}

func (s *SecretsManager) lookup(ctx context.Context, name string) (secrets.Value, error) {
	if ctx.Err() != nil {
		return secrets.Value{}, context.Cause(ctx)
	}
	n, err := parseName(name)
	if err != nil {
		return secrets.Value{}, err
	}
	c, err := s.get(ctx, n.id)
	if err != nil {
		return secrets.Value{}, err
	}
	return c.field(n.field)
}

// get asks for one secret.
func (s *SecretsManager) get(ctx context.Context, id string) (content, error) {
	out, err := s.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id, VersionStage: &s.stage})
	if err != nil {
		return content{}, failure(ctx, err)
	}
	if err := isExactly(id, aws.ToString(out.Name), aws.ToString(out.ARN)); err != nil {
		return content{}, err
	}
	return contentOf(out.SecretString, out.SecretBinary), nil
}

// Rotating tells whether a rotation of the secret is going on or was left half
// done: AWSPENDING is at another version than AWSCURRENT. The name may have a
// field, which makes no difference. It needs secretsmanager:DescribeSecret.
// Errors are those of Lookup.
func (s *SecretsManager) Rotating(ctx context.Context, name string) (bool, error) {
	rotating, err := s.rotating(ctx, name)
	if err != nil {
		return false, s.failed(name, fmt.Errorf("describe: %w", err))
	}
	return rotating, nil
}

func (s *SecretsManager) rotating(ctx context.Context, name string) (bool, error) {
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	n, err := parseName(name)
	if err != nil {
		return false, err
	}
	out, err := s.client.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &n.id})
	if err != nil {
		return false, failure(ctx, err)
	}
	if err := isExactly(n.id, aws.ToString(out.Name), aws.ToString(out.ARN)); err != nil {
		return false, err
	}
	for _, stages := range out.VersionIdsToStages { // a label is at one version at most
		if slices.Contains(stages, "AWSPENDING") {
			return !slices.Contains(stages, current), nil
		}
	}
	return false, nil
}
