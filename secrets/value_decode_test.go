package secrets_test

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/masaruk/devops/secrets"
)

// decoded is what the decoders below read into.
type decoded struct {
	XMLName xml.Name                 `json:"-" yaml:"-"`
	P       secrets.Value            `xml:"P" yaml:"P"`
	Q       *secrets.Value           `xml:"Q" yaml:"Q"`
	A       secrets.Value            `json:"-" xml:"a,attr" yaml:"-"`
	L       []secrets.Value          `xml:"L" yaml:"L"`
	M       map[string]secrets.Value `xml:"-" yaml:"M"`
	//lint:ignore SA5008 the option has no meaning here, and must not open the value
	T secrets.Value `json:",string" xml:",chardata" yaml:"-"`
}

func fromJSON(text string, to any) error { return json.Unmarshal([]byte(text), to) }
func fromXML(text string, to any) error  { return xml.Unmarshal([]byte(text), to) }
func fromYAML(text string, to any) error { return yaml.Unmarshal([]byte(text), to) }

// fromGob takes the text for that of a gob of the same fields.
func fromGob(text string, to any) error {
	type raw struct{ P plain }
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(raw{plain(text)}); err != nil {
		return err
	}
	return gob.NewDecoder(&b).Decode(to)
}

// plain is a text that gob sends as it sends a Value.
type plain string

func (p plain) MarshalBinary() ([]byte, error) { return []byte(p), nil }

// readers are the decoders, and texts that have a secret in place of %s.
var readers = []struct {
	read   func(text string, to any) error
	text   string
	secret func(d *decoded) secrets.Value
}{
	{fromJSON, `{"P":"%s"}`, func(d *decoded) secrets.Value { return d.P }},
	{fromJSON, `{"Q":"%s"}`, func(d *decoded) secrets.Value { return *d.Q }},
	{fromJSON, `{"L":["%s"]}`, func(d *decoded) secrets.Value { return d.L[0] }},
	{fromJSON, `{"M":{"k":"%s"}}`, func(d *decoded) secrets.Value { return d.M["k"] }},
	{fromJSON, `{"T":"%s"}`, func(d *decoded) secrets.Value { return d.T }},
	{fromXML, `<d><P>%s</P></d>`, func(d *decoded) secrets.Value { return d.P }},
	{fromXML, `<d><P><![CDATA[%s]]></P></d>`, func(d *decoded) secrets.Value { return d.P }},
	{fromXML, `<d><Q>%s</Q></d>`, func(d *decoded) secrets.Value { return *d.Q }},
	{fromXML, `<d a="%s"></d>`, func(d *decoded) secrets.Value { return d.A }},
	{fromXML, `<d><L>%s</L></d>`, func(d *decoded) secrets.Value { return d.L[0] }},
	{fromXML, `<d>%s</d>`, func(d *decoded) secrets.Value { return d.T }},
	{fromYAML, `P: %s`, func(d *decoded) secrets.Value { return d.P }},
	{fromYAML, `P: "%s"`, func(d *decoded) secrets.Value { return d.P }},
	{fromYAML, "Q: |-\n  %s", func(d *decoded) secrets.Value { return *d.Q }},
	{fromYAML, `L: ["%s"]`, func(d *decoded) secrets.Value { return d.L[0] }},
	{fromYAML, `M: {k: "%s"}`, func(d *decoded) secrets.Value { return d.M["k"] }},
	{fromYAML, "x: &x \"%s\"\nP: *x", func(d *decoded) secrets.Value { return d.P }},
	{fromGob, `%s`, func(d *decoded) secrets.Value { return d.P }},
}

func TestDecodersLoadAValue(t *testing.T) {
	for _, r := range readers {
		for _, secret := range []string{"correct horse", "073501234", "1e3", "yes", "[redacted", "%5Bredacted"} {
			if strings.HasPrefix(secret, "[") && !strings.Contains(r.text, `"`) || strings.HasPrefix(secret, "%") && r.text == "P: %s" {
				continue // no plain YAML
			}
			var d decoded
			require.NoError(t, r.read(fmt.Sprintf(r.text, secret), &d), r.text)
			require.Equal(t, secret, r.secret(&d).Reveal(), r.text)
		}
	}
}

func TestDecodersRefuseThePlaceholder(t *testing.T) {
	for _, r := range readers {
		for _, secret := range []string{
			"postgres://canary7350:[redacted]@db/app", "canary7350 [redacted][redacted]",
			"postgres://canary7350:%5Bredacted%5D@db/app", "canary7350%5bredacted%5d",
		} {
			d := decoded{P: secrets.New("kept"), Q: new(secrets.Value)}
			err := r.read(fmt.Sprintf(r.text, secret), &d)
			require.ErrorIs(t, err, secrets.ErrRedacted, r.text)
			require.ErrorContains(t, err, "put the secret itself in its place", r.text)
			require.NotContains(t, err.Error(), "7350", r.text)
			require.Equal(t, "kept", d.P.Reveal(), "a refused text changed the value")
		}
	}
	var d decoded
	require.ErrorIs(t, fromJSON(`{"P":"\u005bredacted]"}`, &d), secrets.ErrRedacted)
	require.ErrorIs(t, fromXML(`<d><P>&#91;redacted]</P></d>`, &d), secrets.ErrRedacted)
	require.ErrorIs(t, d.P.UnmarshalText([]byte(secrets.Placeholder)), secrets.ErrRedacted)
	require.ErrorIs(t, d.P.UnmarshalBinary([]byte(secrets.Placeholder)), secrets.ErrRedacted)
}

// What encoders wrote of a Value cannot be loaded as one.
func TestNothingEncodedIsLoaded(t *testing.T) {
	d := decoded{P: secrets.New("a secret"), A: secrets.New("a secret")}
	text, err := json.Marshal(d)
	require.NoError(t, err)
	require.ErrorIs(t, json.Unmarshal(text, &decoded{}), secrets.ErrRedacted)
	text, err = xml.Marshal(d)
	require.NoError(t, err)
	require.ErrorIs(t, xml.Unmarshal(text, &decoded{}), secrets.ErrRedacted)
	text, err = yaml.Marshal(d)
	require.NoError(t, err)
	require.ErrorIs(t, yaml.Unmarshal(text, &decoded{}), secrets.ErrRedacted)
	var b bytes.Buffer
	require.NoError(t, gob.NewEncoder(&b).Encode(struct{ P secrets.Value }{d.P}))
	require.ErrorIs(t, gob.NewDecoder(&b).Decode(&decoded{}), secrets.ErrRedacted)
}

func TestDecodersRefuseOtherKindsAndHideThem(t *testing.T) {
	for _, text := range []string{`{"P":73501234}`, `{"P":{"x":"73501234"}}`, `{"P":["73501234"]}`, `{"P":true}`, `{"T":73501234}`, `{"T":"\"73501234"`} {
		err := fromJSON(text, &decoded{})
		require.Error(t, err)
		require.NotContains(t, err.Error(), "7350")
	}
	for _, text := range []string{"P: [73501234]", "L: [[73501234]]", "M: {k: [73501234]}"} {
		err := fromYAML(text, &decoded{})
		require.Error(t, err)
		require.NotContains(t, err.Error(), "7350")
	}
	var b bytes.Buffer
	require.NoError(t, gob.NewEncoder(&b).Encode(struct{ P string }{"73501234"}))
	err := gob.NewDecoder(&b).Decode(&decoded{})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "7350")
}

// database is a driver that notes the arguments it gets, and takes all kinds.
type database struct{ got []any }

func (d *database) Connect(context.Context) (driver.Conn, error) { return d, nil }
func (d *database) Driver() driver.Driver                        { return nil }
func (d *database) Prepare(string) (driver.Stmt, error)          { return nil, io.ErrUnexpectedEOF }
func (d *database) Close() error                                 { return nil }
func (d *database) Begin() (driver.Tx, error)                    { return nil, io.ErrUnexpectedEOF }

func (d *database) ExecContext(_ context.Context, _ string, args []driver.NamedValue) (driver.Result, error) {
	for _, a := range args {
		d.got = append(d.got, a.Value)
	}
	return driver.ResultNoRows, nil
}

func TestAValueIsNoArgumentOfAQuery(t *testing.T) {
	d := &database{}
	db := sql.OpenDB(d)
	defer func() { require.NoError(t, db.Close()) }()
	v := secrets.New("canary7350")
	for name, arg := range map[string]any{"value": v, "pointer": &v, "named": sql.Named("p", v), "null": sql.Null[secrets.Value]{V: v, Valid: true}} {
		_, err := db.ExecContext(t.Context(), "UPDATE users SET password = $1", arg)
		require.ErrorContains(t, err, "Reveal", name)
		require.NotContains(t, err.Error(), "7350", name)
	}
	require.Empty(t, d.got)
	_, err := db.ExecContext(t.Context(), "UPDATE users SET password = $1", v.Reveal())
	require.NoError(t, err)
	require.Equal(t, []any{"canary7350"}, d.got)
}
