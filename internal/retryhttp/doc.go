// Package retryhttp makes HTTP calls to services of other people, and repeats
// those that fail where repeating is safe. Adapters use it; it wraps
// hashicorp/go-retryablehttp, and nothing else imports that.
//
//	client, err := retryhttp.New(nil)
//	defer client.Close()
//	resp, err := client.Do(ctx, retryhttp.Call{URL: "https://api.example.com/v1/apps"})
//	if err != nil {
//		return err // no complete answer came
//	}
//	if resp.Status != http.StatusOK {
//		return fmt.Errorf("apps: status %d", resp.Status)
//	}
//
// Do not use it to stream: an answer is read whole, up to [Options.MaxBody].
//
// # What is repeated
//
// A call whose method is idempotent by RFC 9110 section 9.2.2 (GET, HEAD, PUT,
// DELETE, OPTIONS, TRACE), or that says so by [Call.Repeatable] or by a header
// Idempotency-Key or X-Idempotency-Key. Any other is sent at most once, where
// go-retryablehttp by itself would repeat it. It is repeated when no complete
// answer came, or one with status 408, 425, 429 or 5xx other than 501 and 505;
// [Call.Again] decides otherwise. Never repeated: a failed TLS handshake, an
// answer that is too large, a redirect to no URL. Where a connection that
// net/http had kept turns out to be closed before the first byte of an answer,
// it sends such a call again by itself; that counts as the same attempt.
//
// Between attempts it waits a random time from zero to FirstWait, 2*FirstWait,
// 4*FirstWait and so on, at most MaxWait (full jitter, as in Brooker,
// "Exponential Backoff And Jitter", 2015). Retry-After, in seconds or as a
// date, makes the wait longer, never shorter. Where the server asks for more
// than MaxRetryAfter, or for more than is left until the deadline, Do returns
// that answer at once: waiting less would be rude, and waiting in vain of no use.
//
// # What an answer is
//
// Any complete response, whatever its status, is a [Response] and no error;
// after the last attempt so is a 503. A redirect is followed for GET and HEAD
// only, and not from https to http. Whatever redirect is not followed is the
// answer. To another scheme, host or port no header of the call goes along but
// Accept, Accept-Encoding, Accept-Language, Range and User-Agent: credentials
// are not always in Authorization. There are no cookies and there is no
// Referer.
//
// # Errors and what they hide
//
// An error of Do is an [*Error]. It names method, scheme, host and cause,
// never path, query, user, headers or bodies: each may hold a credential, and
// a webhook's path is one. Errors of net/http that quote what the server sent
// are replaced by plain words; those of the network and of TLS are wrapped as
// they are. Where the context had ended the error wraps its cause; where
// Options.Timeout had passed, [context.DeadlineExceeded].
//
// A [Client] is safe for concurrent use. It logs nothing; [Options.Handle]
// sees each attempt.
package retryhttp
