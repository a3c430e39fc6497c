package awssecrets

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/masaruk/devops/secrets"
)

// maxBatch is how many secrets BatchGetSecretValue takes.
const maxBatch = 20

// Batch returns the secrets of the names, by name, with as few calls as there
// are twenties of different secrets; names that differ in their fields are one.
// It is for a program that starts and knows what it needs.
//
// The error joins those of the names that failed, each a
// [*secrets.SourceError], in the order of the names. The map has the others
// also then. After a call that failed as a whole no more are made.
//
// AWS batches AWSCURRENT only: for another stage Batch asks one by one.
func (s *SecretsManager) Batch(ctx context.Context, names ...string) (map[string]secrets.Value, error) {
	got := answers{}
	parsed := make(map[string]name, len(names))
	var ids []string
	var order []string
	for _, text := range names {
		if _, ok := parsed[text]; ok {
			continue
		}
		order = append(order, text)
		n, err := parseName(text)
		n.refused = err
		if parsed[text] = n; err == nil && !slices.Contains(ids, n.id) {
			ids = append(ids, n.id)
		}
	}
	if s.stage == current {
		s.batch(ctx, ids, got)
	} else {
		s.oneByOne(ctx, ids, got)
	}
	values := make(map[string]secrets.Value, len(order))
	var errs []error
	for _, text := range order {
		v, err := got.value(parsed[text])
		if err != nil {
			errs = append(errs, s.failed(text, err))
			continue
		}
		values[text] = v
	}
	return values, errors.Join(errs...)
}

// answers has by id what came for it.
type answers map[string]result

type result struct {
	content content
	err     error
}

func (a answers) value(n name) (secrets.Value, error) {
	if n.refused != nil {
		return secrets.Value{}, n.refused
	}
	r, ok := a[n.id]
	switch {
	case !ok:
		return secrets.Value{}, errors.New("the answer of AWS has neither the secret nor an error for it")
	case r.err != nil:
		return secrets.Value{}, r.err
	}
	return r.content.field(n.field)
}

// oneByOne asks for each, until ctx ends.
func (s *SecretsManager) oneByOne(ctx context.Context, ids []string, got answers) {
	for _, id := range ids {
		if ctx.Err() != nil {
			got[id] = result{err: context.Cause(ctx)}
			continue
		}
		c, err := s.get(ctx, id)
		got[id] = result{c, err}
	}
}

// batch asks for twenty at a time, until a call fails.
func (s *SecretsManager) batch(ctx context.Context, ids []string, got answers) {
	var failed error
	for some := range slices.Chunk(ids, maxBatch) {
		if failed == nil {
			failed = s.batchOf(ctx, some, got)
		}
		if failed == nil {
			continue
		}
		for _, id := range some {
			if _, ok := got[id]; !ok {
				got[id] = result{err: failed}
			}
		}
	}
}

// batchOf asks for up to twenty, page by page: a page may be empty and not the
// last.
func (s *SecretsManager) batchOf(ctx context.Context, ids []string, got answers) error {
	var next *string
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		out, err := s.client.BatchGetSecretValue(ctx, &secretsmanager.BatchGetSecretValueInput{SecretIdList: ids, NextToken: next})
		if err != nil {
			return failure(ctx, err)
		}
		for _, id := range ids {
			if r, ok := answerFor(id, out); ok {
				got[id] = r
			}
		}
		last := aws.ToString(next)
		switch next = out.NextToken; aws.ToString(next) {
		case "":
			return nil
		case last:
			return errEndless
		}
	}
}

// answerFor finds the secret or the error of an id. An entry has the name and
// the ARN of the secret, and an error the one or the other.
func answerFor(id string, out *secretsmanager.BatchGetSecretValueOutput) (result, bool) {
	for _, e := range out.SecretValues {
		if isExactly(id, aws.ToString(e.Name), aws.ToString(e.ARN)) == nil {
			return result{content: contentOf(e.SecretString, e.SecretBinary)}, true
		}
	}
	for _, e := range out.Errors {
		if at := aws.ToString(e.SecretId); at == id || nameInARN(at) == id {
			return result{err: apiFailure(aws.ToString(e.ErrorCode), aws.ToString(e.Message), 0, "")}, true
		}
	}
	return result{}, false
}

// nameInARN returns the name in a complete ARN of a secret, which ends with a
// hyphen and six characters that are no part of it.
func nameInARN(arn string) string {
	_, rest, ok := strings.Cut(arn, ":secret:")
	if !ok || len(rest) < 8 || rest[len(rest)-7] != '-' {
		return ""
	}
	return rest[:len(rest)-7]
}
