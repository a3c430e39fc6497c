// Package probe is the one prober of HTTP and TCP and the one evaluator of
// limits of this module: the gates, watches and availability counts of deploy use
// it, and the checks of web addresses of monitor.
//
//   - [HTTP] and [TCP] make one measurement: a [Result].
//   - [Prober] makes them at a steady rate and keeps [Counts].
//   - [Evaluator] applies [Limits] to results and gives a [Verdict].
//
// The parts know each other by Result only:
//
//	target := &probe.HTTP{URL: "http://127.0.0.1:8080/healthz", Header: "X-Release", Want: "v3"}
//	watch := &probe.Evaluator{Limits: probe.Limits{MaxFailed: 2, MinResults: 20}}
//	bad := make(chan string, 1)
//	p, err := probe.New(target.Probe, &probe.Options{Handle: func(r probe.Result) {
//		if watch.Add(r) == probe.Failed {
//			select {
//			case bad <- watch.Reason():
//			default:
//			}
//		}
//	}})
//	...
//	p.Start(ctx)
//	... // wait for the end of the window, or for bad
//	counts := p.Stop()
//	verdict := watch.Finish() // after Stop no Add runs any more
//
// # What a failure looks like
//
// The reason of a failed result names the method, the URL without user and
// query, and one of: "no connection" (refused, unresolved, within the time),
// "no answer" (reset, closed, within the time), "no complete answer" (cut off,
// within the time), "status 503, want 200" with at most 200 bytes of the body,
// "header X-Release is ..., want ...", or what the Body said. Of a TCP they are
// "no connection", "no TLS", "nothing sent", "no banner" and "it says ..., want
// ...". A probe that was broken off from
// outside is inconclusive and no failure. What a service answers may hold
// anything: filter reasons before they are stored.
//
// # No evidence is never a pass
//
// [Evaluator.Finish] fails a series that is empty, or has fewer results than
// Limits.MinResults, or no good one. This is a deliberate departure from Argo
// Rollouts, whose other rules the limits follow. Only where the results that
// could not tell are all that is missing, nobody but a person can say: the
// verdict is Unclear.
package probe
