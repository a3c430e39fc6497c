package awssecrets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/masaruk/devops/secrets"
)

// maxPage is how many parameters a page of GetParametersByPath has at most.
const maxPage = 10

// ParameterStoreOptions adjusts [NewParameterStore].
type ParameterStoreOptions struct {
	// Shallow makes ByPath return what is directly below the path only.
	Shallow bool
}

// ParameterStore is a [secrets.Source] of the Parameter Store of AWS Systems
// Manager. It is safe for concurrent use.
type ParameterStore struct {
	client  *ssm.Client
	shallow bool
}

var _ secrets.Source = (*ParameterStore)(nil)

// NewParameterStore makes a source of what client can reach. It asks nothing
// yet. The error says that there is no client.
func NewParameterStore(client *ssm.Client, opts *ParameterStoreOptions) (*ParameterStore, error) {
	if client == nil {
		return nil, errors.New("awssecrets: the client of Systems Manager is nil: make one with ssm.NewFromConfig")
	}
	return &ParameterStore{client, opts != nil && opts.Shallow}, nil
}

// Lookup returns the secret of a name such as "/prod/api/db"; see the manual of
// the package for names and errors.
func (p *ParameterStore) Lookup(ctx context.Context, name string) (secrets.Value, error) {
	v, err := p.lookup(ctx, name)
	if err != nil {
		return secrets.Value{}, p.failed(name, err)
	}
	return v, nil
}

func (p *ParameterStore) failed(name string, err error) error {
	return &secrets.SourceError{Source: "aws parameter store", Name: name, Err: err}
}

func (p *ParameterStore) lookup(ctx context.Context, name string) (secrets.Value, error) {
	if ctx.Err() != nil {
		return secrets.Value{}, context.Cause(ctx)
	}
	n, err := parseParameter(name)
	if err != nil {
		return secrets.Value{}, err
	}
	out, err := p.client.GetParameter(ctx, &ssm.GetParameterInput{Name: &n.id, WithDecryption: aws.Bool(true)})
	if err != nil {
		return secrets.Value{}, failure(ctx, err)
	}
	if out.Parameter == nil {
		return secrets.Value{}, errNoValue
	}
	if err := isExactly(withoutSelector(n.id), aws.ToString(out.Parameter.Name), aws.ToString(out.Parameter.ARN)); err != nil {
		return secrets.Value{}, err
	}
	return contentOf(out.Parameter.Value, nil).field(n.field)
}

// ByPath returns all parameters below a path such as "/prod/api", by their
// whole names; "/" is all there are. It reads page by page until AWS says that
// there are no more. It gives all or, beside an error, none: a part of a
// configuration may be taken for the whole.
//
// That there are none is an error that wraps [fs.ErrNotExist]: AWS does not
// tell an empty path from one that is misspelt. Other errors are those of
// Lookup.
func (p *ParameterStore) ByPath(ctx context.Context, path string) (map[string]secrets.Value, error) {
	all, err := p.byPath(ctx, path)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("there is no parameter below: %w", fs.ErrNotExist)
	}
	if err != nil {
		return nil, p.failed(path, err)
	}
	return all, nil
}

func (p *ParameterStore) byPath(ctx context.Context, path string) (map[string]secrets.Value, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	below := strings.TrimSuffix(path, "/") + "/"
	all := map[string]secrets.Value{}
	in := &ssm.GetParametersByPathInput{
		Path:           &path,
		Recursive:      aws.Bool(!p.shallow),
		WithDecryption: aws.Bool(true),
		MaxResults:     aws.Int32(maxPage),
	}
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		out, err := p.client.GetParametersByPath(ctx, in)
		if err != nil {
			return nil, failure(ctx, err)
		}
		for _, param := range out.Parameters {
			name := aws.ToString(param.Name)
			if !strings.HasPrefix(name, below) && path != "/" {
				return nil, fmt.Errorf("the answer of AWS has %q, which is not below", name)
			}
			v, err := contentOf(param.Value, nil).field("")
			if err != nil {
				return nil, fmt.Errorf("parameter %q: %w", name, err)
			}
			all[name] = v
		}
		next := aws.ToString(out.NextToken)
		switch next {
		case "":
			return all, nil
		case aws.ToString(in.NextToken):
			return nil, errEndless
		}
		in.NextToken = &next
	}
}

func checkPath(path string) error {
	switch {
	case path == "":
		return errNoName
	case path[0] != '/':
		return errors.New(`the path does not begin with "/"`)
	case path != "/" && strings.HasSuffix(path, "/"):
		return errors.New(`the path ends with "/"`)
	case strings.Contains(path, ":"):
		return errors.New("the path holds a colon")
	}
	return checkID(path)
}
