package envconfig_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/envconfig"
	"github.com/masaruk/devops/secrets"
)

func TestGoodTagsAreNoProblem(t *testing.T) {
	_, err := envconfig.NewLoader[kinds](nil)
	require.NoError(t, err)
	_, err = envconfig.NewLoader[nested](nil)
	require.NoError(t, err)
}

// TestBadTags compiles a struct with one field of each tag.
func TestBadTags(t *testing.T) {
	text, number := reflect.TypeFor[string](), reflect.TypeFor[int]()
	secret, list := reflect.TypeFor[secrets.Value](), reflect.TypeFor[[]string]()
	group := reflect.TypeFor[struct {
		A string `env:"A"`
	}]()
	for _, c := range []struct {
		typ  reflect.Type
		tag  string
		rule string
	}{
		{text, ``, "has the key env in its tag"},
		{text, `json:"v"`, "has the key env in its tag"},
		{text, `env:V`, `has a tag that is written as key:"value" pairs with a space between`},
		{text, `env:"V`, "has a tag that ends the quotes of the key env"},
		{text, `env:"V",default:"x"`, `has a tag that is written as key:"value" pairs with a space between`},
		{text, `env:"V" env:"W"`, "has a tag that gives the key env once"},
		{text, `env:""`, `has a tag that names a variable of letters, digits and _, not beginning with a digit, not ""`},
		{text, `env:"1V"`, `has a tag that names a variable of letters, digits and _, not beginning with a digit, not "1V"`},
		{text, `env:"ÄRGER"`, `has a tag that names a variable of letters, digits and _, not beginning with a digit, not "ÄRGER"`},
		{text, `env:"V-W"`, `has a tag that names a variable of letters, digits and _, not beginning with a digit, not "V-W"`},
		{text, `env:"V,required"`, `has a tag that has only known options in the key env, not "required"; they are optional, empty, expand, file, unset, secret, ref`},
		{text, `env:"V, optional"`, `has a tag that has only known options in the key env, not " optional"; they are optional, empty, expand, file, unset, secret, ref`},
		{text, `env:"V,file,file"`, "has a tag that gives the option file once"},
		{text, `env:"V" defualt:"x"`, `has a tag that has no misspelt keys: "defualt" looks like "default"`},
		{text, `env:"V" OneOf:"x"`, `has a tag that has no misspelt keys: "OneOf" looks like "oneof"`},
		{text, `env:"V,optional" default:"x"`, "has either a default or the option optional"},
		{text, `env:"V" default:""`, "has a default that is not empty"},
		{text, `env:"V" oneof:"a,b" default:"c"`, "has a default that is one of a, b"},
		{text, `env:"V" oneof:"a,,b"`, "has a oneof of different words"},
		{text, `env:"V" oneof:"a,a"`, "has a oneof of different words"},
		{text, `env:"V" pattern:"("`, "has a pattern that package regexp compiles"},
		{text, `env:"V" min:"x"`, "has a min that it can be compared with"},
		{text, `env:"V" max:"-1"`, "has a max that it can be compared with"},
		{text, `env:"V" min:"3" max:"2"`, "has a min that is not above its max"},
		{number, `env:"V" min:"10" max:"9"`, "has a min that is not above its max"},
		{reflect.TypeFor[*uint8](), `env:"V" min:"10" max:"9"`, "has a min that is not above its max"},
		{reflect.TypeFor[time.Duration](), `env:"V" min:"1h" max:"90s"`, "has a min that is not above its max"},
		{reflect.TypeFor[envconfig.Size](), `env:"V" min:"1MiB" max:"1MB"`, "has a min that is not above its max"},
		{reflect.TypeFor[time.Time](), `env:"V" layout:"2006" min:"2027" max:"2026"`, "has a min that is not above its max"},
		{list, `env:"V" min:"3" max:"2"`, "has a min that is not above its max"},
		{reflect.SliceOf(group), `env:"V" min:"3" max:"2"`, "has a min that is not above its max"},
		{number, `env:"V" oneof:"1,two"`, "has a oneof of words that it can hold"},
		{reflect.TypeFor[[]int](), `env:"V" oneof:"1,two"`, "has a oneof of words that it can hold"},
		{text, `env:"V" sep:";"`, "has no key sep, which a string cannot have"},
		{text, `env:"V,expand,ref"`, "has one of the options expand and ref"},
		{text, `env:"V,secret" default:"x"`, "has no default, since it is a secret and this is code"},
		{number, `env:"V" default:"x"`, "has a default that is a whole number of 64 bits"},
		{number, `env:"V" min:"2" default:"1"`, "has a default that is at least 2"},
		{number, `env:"V" max:"1s"`, "has a max that it can be compared with"},
		{number, `env:"V,empty"`, "has no option empty, which a int cannot have"},
		{number, `env:"V" layout:"x"`, "has no key layout, which a int cannot have"},
		{reflect.TypeFor[bool](), `env:"V" oneof:"true"`, "has no key oneof, which a bool cannot have"},
		{reflect.TypeFor[bool](), `env:"V" min:"1"`, "has no key min, which a bool cannot have"},
		{reflect.TypeFor[time.Duration](), `env:"V" default:"5"`, "has a default that is a duration"},
		{secret, `env:"V" default:"x"`, "has no default, since it is a secret and this is code"},
		{secret, `env:"V,ref" default:"x"`, "has no default, since it is a secret and this is code"},
		{list, `env:"V" sep:""`, "has a sep that separates"},
		{list, `env:"V" sep:" ; "`, "has a sep that separates"},
		{list, `env:"V" default:"a,,b"`, "has a default that has only items of which each is not empty"},
		{reflect.TypeFor[map[string]int](), `env:"V" sep:"::"`, "has a sep without a colon, which stands between key and value"},
		{reflect.TypeFor[map[*int]int](), `env:"V"`, "is of a type that can be loaded, which map[*int]int is not"},
		{reflect.TypeFor[chan int](), `env:"V"`, "is of a type that can be loaded, which chan int is not"},
		{reflect.TypeFor[any](), `env:"V"`, "is of a type that can be loaded, which interface {} is not"},
		{reflect.TypeFor[[2]int](), `env:"V"`, "is of a type that can be loaded, which [2]int is not"},
		{reflect.TypeFor[json.RawMessage](), `env:"V"`, "is of a type that can be loaded, which json.RawMessage is not"},
		{reflect.TypeFor[map[string]tls](), `env:"V"`, "is of a type that can be loaded, which map[string]envconfig_test.tls is not"},
		{reflect.TypeFor[**int](), `env:"V"`, "is of a type that can be loaded, which **int is not"},
		{reflect.TypeFor[complex128](), `env:"V"`, "is of a type that can be loaded, which complex128 is not"},
		{group, `env:"V_"`, "names a group without a _ at its end"},
		{group, `env:"V,optional"`, "has no option optional, which a struct cannot have"},
		{group, `env:"V" default:"x"`, "has no key default, which a struct cannot have"},
		{reflect.SliceOf(group), `env:"V,secret"`, "has no option secret, which a slice of structs cannot have"},
		{reflect.SliceOf(group), `env:"V" sep:";"`, "has no key sep, which a slice of structs cannot have"},
		{reflect.TypeFor[struct{}](), `env:"V"`, "has fields with the key env"},
	} {
		st := reflect.StructOf([]reflect.StructField{
			{Name: "Good", Type: text, Tag: `env:"GOOD" default:"x" json:"good" max:"3"`}, {Name: "Bad", Type: c.typ, Tag: reflect.StructTag(c.tag)},
		})
		_, _, err := envconfig.LoadType(t.Context(), st, &envconfig.LoadOptions{Inputs: []envconfig.Input{}})
		require.Error(t, err, "%s %s", c.typ, c.tag)
		problems := envconfig.Problems(err)
		require.Len(t, problems, 1, "%s %s: %v", c.typ, c.tag, err)
		require.Equal(t, c.rule, problems[0].Rule, "%s %s", c.typ, c.tag)
		require.Regexp(t, `^Bad(\.struct)?$`, problems[0].Field)
		require.Equal(t, "type struct", problems[0].Origin.String())
		require.NotEmpty(t, problems[0].Fix)
	}
}

type recursive struct {
	Name string     `env:"NAME"`
	Next *recursive `env:"NEXT"`
}

type badly struct {
	A       string `env:"A"`
	Again   string `env:"A"`
	B       string `env:"B,file"`
	BFile   string `env:"B_FILE"`
	private string `env:"PRIVATE"`
	*tls
	Inner struct {
		C string `env:"C"`
		D func() `env:"D"`
	} `env:"INNER"`
	InnerC string `env:"INNER_C"`
}

// All that is wrong with a type is told at once, with type and field.
func TestEveryBadTagAtOnce(t *testing.T) {
	_, err := envconfig.NewLoader[badly](&envconfig.LoadOptions{Owned: []string{"", "1"}, Inputs: []envconfig.Input{{}}})
	require.Equal(t, []string{
		"Again: has a variable of its own", "BFile: has a variable of its own", "private: is exported", "tls: can be set",
		"Inner.D: is of a type that can be loaded, which func() is not", "InnerC: has a variable of its own",
		"LoadOptions.Inputs[0]: is an input", "LoadOptions.Owned[0]: is the beginning of a name", "LoadOptions.Owned[1]: is the beginning of a name",
	}, rules(t, err))
	for _, p := range envconfig.Problems(err) {
		require.Equal(t, "type envconfig_test.badly", p.Origin.String())
	}
	_ = badly{}.private

	_, err = envconfig.NewLoader[recursive](nil)
	require.Equal(t, []string{"Next: does not hold its own type"}, rules(t, err))
	_, err = envconfig.NewLoader[int](nil)
	require.Equal(t, []string{"int: is a struct"}, rules(t, err))
	_, err = envconfig.NewLoader[*kinds](nil)
	require.ErrorContains(t, err, "is a struct")
	_, err = envconfig.NewLoader[struct{}](nil)
	require.ErrorContains(t, err, "has fields with the key env")
	for _, prefix := range []string{"APP_", "1", "A-B", "A B"} {
		_, err = envconfig.NewLoader[kinds](&envconfig.LoadOptions{Prefix: prefix})
		require.ErrorContains(t, err, "LoadOptions.Prefix", prefix)
	}
}

// A list reads names that it makes itself, so they are compared with all others
// too, in whatever order the fields stand.
func TestNoVariableIsOfTwoFields(t *testing.T) {
	type host struct {
		Name string   `env:"NAME,file"`
		Tags []string `env:"TAGS,optional"`
		Next []struct {
			Port int `env:"PORT"`
		} `env:"NEXT,optional"`
	}
	for _, name := range []string{"HOSTS_0_NAME", "HOSTS_7_NAME", "HOSTS_1_NAME_FILE", "HOSTS_2_NEXT_3_PORT"} {
		hosts := reflect.StructField{Name: "Hosts", Type: reflect.TypeFor[[]host](), Tag: `env:"HOSTS"`}
		other := reflect.StructField{Name: "Other", Type: reflect.TypeFor[string](), Tag: reflect.StructTag(`env:"` + name + `"`)}
		for _, fields := range [][]reflect.StructField{{hosts, other}, {other, hosts}} {
			_, _, err := envconfig.LoadType(t.Context(), reflect.StructOf(fields), nil)
			require.Error(t, err, name)
			require.Contains(t, rules(t, err), "Other: has a variable of its own", name)
		}
	}
	type file struct {
		File string `env:"FILE"`
	}
	type byFile struct {
		Files []file `env:"FILES"`
		Zero  string `env:"FILES_0,file"`
	}
	_, err := envconfig.NewLoader[byFile](nil)
	require.Equal(t, []string{"Files[0].File: has a variable of its own", "Zero: has a variable of its own"}, rules(t, err))

	type config struct {
		Hosts []host `env:"HOSTS,optional"`
		Count int    `env:"HOSTS_NAME"`
		Other string `env:"HOSTS_00_NAME"`
	}
	_, err = envconfig.NewLoader[config](nil)
	require.NoError(t, err)
}
