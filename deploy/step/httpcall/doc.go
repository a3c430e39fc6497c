// Package httpcall makes one HTTP call as a step: tell another service
// something, and take what it answers as outputs.
//
//	purge := &httpcall.Request{
//		Method:        "POST",
//		URL:           "https://api.example.com/zones/${zone}/purge",
//		JSON:          map[string]any{"tag": "${release}"},
//		SecretHeaders: map[string]httpcall.SecretHeader{"Authorization": {Secret: "cdn_token", Prefix: "Bearer "}},
//		Source:        source,
//		KeyHeader:     "Idempotency-Key",
//		Outputs:       map[string]string{"purge_id": "/result/id"},
//	}
//	step := deploy.Step{
//		Name: "purge", Do: purge, InFlight: purge.InFlight(),
//		Binds: []string{"zone", "release"}, Provides: []string{"purge_id"},
//	}
//
// Do not use it to wait until a service answers well: that is [deploy.Health].
//
// # How often it is made
//
// A call counts as one that may be repeated where its method is idempotent by
// RFC 9110 section 9.2.2, or where KeyHeader names the header by which the
// service recognises a call that it has seen. Only such a call is made again
// when no complete answer came or the answer was 408, 425, 429 or 5xx (not 501
// and 505); any other is sent at most once for each attempt of the step.
// [Request.InFlight] says the same for a program that died during the call.
//
// The key is the same for every attempt and after every crash: a digest of
// service, environment, run, step, host and phase. A step makes one call, so no
// two calls share it.
//
// # What goes into it
//
// Each ${name} is an output, a string: in the URL it is escaped (not where the
// URL begins with it, since it is the base then), in JSON it stays within its
// string, in headers and in Body it is taken as it is. Secrets are headers, by
// the name that the source knows them by, looked up at each attempt; the plan
// holds names alone.
//
// # What comes out of it
//
// The status must be one of Expect. A redirect is not followed unless Redirects
// allows it, and then only for GET and HEAD and without headers of its own to
// another origin. The answer is read up to MaxBody. Outputs are parts of it by
// RFC 6901 pointer, as strings, so that ${name} takes them, and are refused
// where they hold a secret.
//
// # What is shown
//
// The plan and errors show scheme, host and path. The query is in the plan by
// the names of its parameters and a digest, and is shown nowhere else; a user
// in the URL is refused. An error of
// status shows at most 300 bytes of the answer, filtered for the secrets.
//
// # Concurrency, errors, logs
//
// A [Request] is data and can be shared. It logs nothing. A call is no command,
// so a fence does not hold it back.
package httpcall
