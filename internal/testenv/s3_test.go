package testenv

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func startedS3(t *testing.T) *S3Server {
	t.Helper()
	if err := requirePresent(nameS3); err != nil {
		giveUp(t, err)
	}
	env, err := Start(t.Context(), Options{S3: []S3Options{{}}})
	require.NoError(t, err)
	return env.S3[0]
}

func TestS3StoresAndIsKilled(t *testing.T) {
	t.Parallel()
	for _, tls := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls=%v", tls), func(t *testing.T) {
			t.Parallel()
			s := S3(t, tls)
			require.Equal(t, tls, strings.HasPrefix(s.Endpoint, "https://"))
			do := func(method, path, body string) string {
				t.Helper()
				answer, err := s.Do(t.Context(), method, path, []byte(body))
				require.NoError(t, err)
				return string(answer)
			}
			do(http.MethodPut, "/bucket", "")
			do(http.MethodPut, "/bucket/a/key", "content")
			require.Equal(t, "content", do(http.MethodGet, "/bucket/a/key", ""))
			do(http.MethodDelete, "/bucket/a/key", "")
			_, err := s.Do(t.Context(), http.MethodGet, "/bucket/a/key", nil)
			require.ErrorContains(t, err, "NoSuchKey")

			require.NoError(t, s.Kill(syscall.SIGKILL))
			<-s.Gone()
			_, err = s.Do(t.Context(), http.MethodGet, "/", nil)
			require.ErrorIs(t, err, syscall.ECONNREFUSED)
			require.NoError(t, s.Close())
			requireNothingLeft(t, traces{PIDs: []int{s.PID(), s.guard.self}, Paths: []string{s.Dir()}})
		})
	}
}

func TestS3RefusesAnotherSecret(t *testing.T) {
	t.Parallel()
	s := S3(t, true)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.Endpoint+"/", nil)
	require.NoError(t, err)
	signV4(req, nil, s.Region, s.AccessKey, "another", time.Now())
	resp, err := s.Client().Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusForbidden, resp.StatusCode)
}

func TestS3CertificateIsTrustedThroughItsAuthorityAlone(t *testing.T) {
	t.Parallel()
	s := S3(t, true)
	_, err := (&http.Client{Transport: &http.Transport{}}).Get(s.Endpoint)
	require.ErrorContains(t, err, "certificate signed by unknown authority")
	require.FileExists(t, s.CAFile)
}

func TestS3SecretIsInNoArgumentsAndNotInTheLog(t *testing.T) {
	t.Parallel()
	s := S3(t, false)
	_, err := s.Do(t.Context(), http.MethodPut, "/bucket", nil)
	require.NoError(t, err)
	for _, pid := range []int{s.PID(), s.guard.self} {
		argv, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		require.NoError(t, err)
		require.NotEmpty(t, argv)
		require.NotContains(t, string(argv), s.SecretKey)
	}
	require.NotEmpty(t, s.Log())
	require.NotContains(t, s.Log(), s.SecretKey)
}
