package secrets_test

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/masaruk/devops/secrets"
)

func TestUnmarshalTextKeepsNothingOfTheCaller(t *testing.T) {
	text := []byte(" a secret\n")
	var v secrets.Value
	require.NoError(t, v.UnmarshalText(text))
	clear(text)
	require.Equal(t, " a secret\n", v.Reveal())
}

func TestEqualAndIsZero(t *testing.T) {
	require.True(t, secrets.New("one").Equal(secrets.New("one")))
	require.False(t, secrets.New("one").Equal(secrets.New("two")))
	require.False(t, secrets.New("one").Equal(secrets.New("one more")))
	require.True(t, secrets.Value{}.Equal(secrets.New("")))
	for i := range 1000 {
		require.False(t, secrets.New("0").Equal(secrets.New(strconv.Itoa(i+1))), "%d", i)
	}
	require.True(t, secrets.Value{}.IsZero())
	require.True(t, secrets.New("").IsZero())
	require.False(t, secrets.New(" ").IsZero())

	out, err := json.Marshal(struct {
		P secrets.Value `json:",omitzero"`
	}{})
	require.NoError(t, err)
	require.JSONEq(t, `{}`, string(out))
}
