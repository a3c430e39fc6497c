package awssecrets_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
	"github.com/masaruk/devops/secrets/source/awssecrets"
	"github.com/masaruk/devops/secrets/sourcetest"
)

// parameters has parameters by name, and name:version or name:label.
type parameters map[string]string

func (p parameters) get(in object) (int, object) {
	id := in["Name"].(string)
	value, ok := p[id]
	if in["WithDecryption"] != true {
		value = "AQICA-encrypted"
	}
	name, _, selected := strings.Cut(id, ":")
	switch {
	case ok:
		return http.StatusOK, object{"Parameter": object{"Name": name, "ARN": "arn:aws:ssm:eu-central-1:123456789012:parameter" + name, "Type": "SecureString", "Value": value, "Version": 1}}
	case selected:
		return fault("ParameterVersionNotFound", "Systems Manager could not find version of "+name)
	}
	return fault("ParameterNotFound", "")
}

func newStore(t *testing.T, s *service, o *awssecrets.ParameterStoreOptions) *awssecrets.ParameterStore {
	t.Helper()
	p, err := awssecrets.NewParameterStore(s.ssm(), o)
	require.NoError(t, err)
	return p
}

func TestContractOfParameterStore(t *testing.T) {
	has := parameters{"/app/db": `{"password":"canary of the database","empty":""}`, "/app/api": " canary of the API\n", "plain.name_1": "canary of a plain name"}
	known := map[string]secrets.Value{
		"/app/db":          secrets.New(has["/app/db"]),
		"/app/db#password": secrets.New("canary of the database"),
		"/app/db#empty":    secrets.New(""),
		"/app/api":         secrets.New(" canary of the API\n"),
		"plain.name_1":     secrets.New("canary of a plain name"),
	}
	s := newService(t, map[string]operation{getParameter: has.get})
	sourcetest.Run(t, known, func() (secrets.Source, error) { return awssecrets.NewParameterStore(s.ssm(), nil) })
}

func TestVersionsOfParameters(t *testing.T) {
	has := parameters{"/key": "new", "/key:1": "old", "/key:stable": `{"a":"b"}`}
	s := newService(t, map[string]operation{getParameter: has.get})
	p := newStore(t, s, nil)
	for name, want := range map[string]string{"/key": "new", "/key:1": "old", "/key:stable#a": "b"} {
		got, err := lookup(t, p, name)
		require.NoError(t, err)
		require.Equal(t, want, got, name)
	}
	for _, name := range []string{"/key:9", "/none"} {
		_, err := lookup(t, p, name)
		require.ErrorIs(t, err, fs.ErrNotExist)
	}
	asked := len(s.made(getParameter))
	for _, name := range []string{"", "#a", "/key:1:2", " /key", "/key ", "/key\n", "/k y"} {
		_, err := lookup(t, p, name)
		require.Error(t, err, name)
		require.NotErrorIs(t, err, fs.ErrNotExist, name)
	}
	require.Len(t, s.made(getParameter), asked)
}

func TestParametersSharedByARN(t *testing.T) {
	const arn = "arn:aws:ssm:eu-central-1:210987654321:parameter/shared/key"
	s := newService(t, map[string]operation{getParameter: func(in object) (int, object) {
		return http.StatusOK, object{"Parameter": object{"Name": "/shared/key", "ARN": arn, "Type": "String", "Value": "x"}}
	}})
	for _, name := range []string{arn, arn + ":3"} {
		got, err := lookup(t, newStore(t, s, nil), name)
		require.NoError(t, err)
		require.Equal(t, "x", got)
	}
	_, err := lookup(t, newStore(t, s, nil), "shared/key")
	require.ErrorContains(t, err, "which is another")
}

// tree answers GetParametersByPath as AWS says it may: any page may be empty,
// and only one without a token is the last.
func tree(all map[string]string, order []string, pages []int) operation {
	return func(in object) (int, object) {
		page, from := 0, 0
		if token, ok := in["NextToken"].(string); ok {
			page, _ = strconv.Atoi(token)
		}
		for _, n := range pages[:page] {
			from += n
		}
		params := []object{}
		for _, name := range order[from : from+pages[page]] {
			value := all[name]
			if in["WithDecryption"] != true {
				value = "AQICA-encrypted"
			}
			params = append(params, object{"Name": name, "Type": "SecureString", "Value": value, "Version": 1})
		}
		out := object{"Parameters": params}
		if page+1 < len(pages) {
			out["NextToken"] = strconv.Itoa(page + 1)
		}
		return http.StatusOK, out
	}
}

func TestByPathReadsToTheEnd(t *testing.T) {
	all, order := map[string]string{}, []string{}
	for i := range 23 {
		name := fmt.Sprintf("/app/a%d/key", i)
		order = append(order, name)
		all[name] = fmt.Sprintf("value %d", i)
	}
	pages := []int{0, 10, 0, 0, 3, 10, 0}
	throttles := 2
	read := tree(all, order, pages)
	s := newService(t, map[string]operation{byPath: func(in object) (int, object) {
		if in["NextToken"] == "3" && throttles > 0 {
			throttles--
			return fault("ThrottlingException", "Rate exceeded")
		}
		return read(in)
	}})
	got, err := newStore(t, s, nil).ByPath(t.Context(), "/app")
	require.NoError(t, err)
	require.Len(t, got, 23)
	for name, want := range all {
		require.Equal(t, want, got[name].Reveal())
	}
	require.Len(t, s.made(byPath), len(pages)+2)
	for _, in := range s.made(byPath) {
		require.Equal(t, "/app", in["Path"])
		require.Equal(t, true, in["Recursive"])
		require.Equal(t, true, in["WithDecryption"])
		require.EqualValues(t, 10, in["MaxResults"])
	}

	_, err = newStore(t, s, &awssecrets.ParameterStoreOptions{Shallow: true}).ByPath(t.Context(), "/app")
	require.NoError(t, err)
	require.Equal(t, false, s.made(byPath)[len(pages)+2]["Recursive"])
}

func TestByPathGivesAllOrNothing(t *testing.T) {
	read := tree(map[string]string{"/app/a": "canary", "/app/b": "canary"}, []string{"/app/a", "/app/b"}, []int{1, 1})
	ctx, end := context.WithCancelCause(t.Context())
	why := errors.New("the program stops")
	for name, c := range map[string]struct {
		second func(object) (int, object)
		want   string
		is     error
	}{
		"denied":  {func(object) (int, object) { return fault("AccessDeniedException", "no") }, "AccessDenied", fs.ErrPermission},
		"token":   {func(object) (int, object) { return fault("InvalidNextToken", "no") }, "InvalidNextToken", nil},
		"endless": {func(object) (int, object) { return 200, object{"NextToken": "1"} }, "page token", nil},
		"other": {func(object) (int, object) {
			return 200, object{"Parameters": []object{{"Name": "/application/c", "Value": "canary"}}}
		}, "not below", nil},
		"no value": {func(object) (int, object) { return 200, object{"Parameters": []object{{"Name": "/app/c"}}} }, "no value", nil},
		"placeholder": {func(object) (int, object) {
			return 200, object{"Parameters": []object{{"Name": "/app/c", "Value": secrets.Placeholder}}}
		}, "/app/c", secrets.ErrRedacted},
		"page": {func(object) (int, object) {
			return 200, object{"raw": `{"Parameters":[{"Name":"/app/c","Value":"canary`}
		}, "cannot be read", nil},
		"context": {func(object) (int, object) { end(why); return 200, object{"NextToken": "2"} }, "stops", why},
	} {
		t.Run(name, func(t *testing.T) {
			with := t.Context()
			if name == "context" {
				with = ctx
			}
			s := newService(t, map[string]operation{byPath: func(in object) (int, object) {
				if in["NextToken"] == "1" {
					return c.second(in)
				}
				return read(in)
			}})
			got, err := newStore(t, s, nil).ByPath(with, "/app")
			require.ErrorContains(t, err, c.want)
			require.Nil(t, got)
			requireHidden(t, err)
			if c.is != nil {
				require.ErrorIs(t, err, c.is)
			}
			require.NotErrorIs(t, err, fs.ErrNotExist)
		})
	}
}

func TestPaths(t *testing.T) {
	s := newService(t, map[string]operation{byPath: tree(map[string]string{"key": "x"}, []string{"key"}, []int{1})})
	got, err := newStore(t, s, nil).ByPath(t.Context(), "/")
	require.NoError(t, err)
	require.Len(t, got, 1)
	asked := len(s.made(byPath))
	for _, path := range []string{"", "app", "/app/", " /app", "/app:1", "/a b", "/app\n", "/" + strings.Repeat("x", 3000)} {
		_, err := newStore(t, s, nil).ByPath(t.Context(), path)
		require.Error(t, err, path)
		require.NotErrorIs(t, err, fs.ErrNotExist)
	}
	require.Len(t, s.made(byPath), asked)

	empty := newService(t, map[string]operation{byPath: tree(nil, nil, []int{0, 0})})
	_, err = newStore(t, empty, nil).ByPath(t.Context(), "/app")
	require.ErrorIs(t, err, fs.ErrNotExist)
}
