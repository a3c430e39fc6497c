// Package switchover switches the traffic of a service on one machine from one
// release to the next without losing a request.
//
// A [Server] is a reverse proxy that owns the public address. It is a process
// of its own that outlives every deployment, or part of a program that does.
// Deployers drive it with a [Client] over a unix socket:
//
//	c, err := switchover.NewClient("/run/api/switchover.sock")
//	...
//	res, err := c.Swap(ctx, switchover.SwapRequest{
//		To:   switchover.Backend{Name: "v3", Addr: "127.0.0.1:4003"},
//		From: &switchover.Backend{Name: "v2", Addr: "127.0.0.1:4002"},
//	})
//	// err == nil: v3 proved healthy and has the traffic, v2 has answered all
//	// that it was sent and may be stopped.
//
// It speaks HTTP/1.1 in plain text on both sides; something else ends TLS. It
// is not for many machines, for weights between backends, or for services that
// are not HTTP.
//
// # What a swap is
//
//  1. The server itself asks the new backend, on its own address, for its
//     health path, until Successes answers in a row have status 200 and name
//     the release (header X-Release). If that does not happen in time, the
//     swap is refused with the last failure, and nothing has changed.
//  2. The new backend is written to the state file.
//  3. Every request from then on goes to the new backend: one atomic pointer
//     is replaced, and no lock is taken on the way of a request.
//  4. The old backend drains: requests in flight on it, upgraded connections
//     such as WebSockets among them, go on until they end or the drain time
//     is over. Then they are cut: answers that had not begun become status
//     504, others break off. SwapResult.Cut tells how many.
//
// One swap passes its gate at a time; a second one waits for half a second and
// then gets [ErrBusy]. With From a swap is a compare-and-set, so that a deployer
// that lost its place gets [ErrNotLive]. A swap to the backend that is live
// already swaps nothing, waits for drains that are under way, and succeeds: a
// deployer that was killed says the same again.
//
// The way back is the same call with Proven set, which asks for no gate. A
// backend that still drains is taken back as it is, and nothing of it is cut.
//
// # When something dies
//
//   - The deployer, killed or gone: in the gate the swap is called off, later
//     the drain goes on. Traffic flows all the same.
//   - The live backend: requests get 502 and are counted as failed. Routing
//     elsewhere is the deployer's decision.
//   - The server, killed: what it had accepted is lost. One that is started
//     with the same socket and state routes to the same backend, on the same
//     address. Counts begin again at zero; Status.Since tells.
//
// # Upgrading the server
//
// Start the new build with Options.TakeOver and the same socket. The old
// process sends it the public listener, the control listener and the lock
// (SCM_RIGHTS), so no connection is refused or reset in between. It answers on
// the connections that it had accepted, ends each with its next answer
// (Connection: close), follows swaps meanwhile, gives its counts to the new
// one and ends. Connections that stay idle for longer than Options.Drain are
// closed. Until the new process has said that it accepts, its death or any
// error leaves the old one serving.
//
// # What is counted
//
// Per backend name, each request once, when its answer has ended: [Counts].
// An answer has failed when its status is 500 or above, when the backend could
// not be reached or broke off, or when a drain cut it. A request whose client
// left or broke it is aborted, neither answered nor failed. An upgraded
// connection counts when it closes, and has not failed. Requests with the
// header X-Devops-Probe: 1 are counted apart. Requests that came while no
// backend was live got 503 and are counted under the name "".
//
// Answers that the server gives in place of a backend (502, 504) carry the
// release header with the name of that backend, so what an outside client
// counts by release equals what is counted here, as a test proves. What
// net/http refuses by itself (a malformed head, a head over 1 MiB) is not
// counted. Where Status.InFlight is 0, every answer that ended before is in
// Counts.
//
// # What the backend sees
//
// The request as it was sent, but for hop-by-hop headers, with X-Forwarded-For,
// -Proto and -Host set (see Options.TrustForwarded). Connections to backends
// are kept for one second at most, below the keep-alive timeout of any usual
// server (Node: 5 s), so that none is closed under a request. A request that
// may not be repeated is sent once. Answers are streamed.
//
// # Control protocol
//
// HTTP and JSON over the unix socket, which has mode 0600 in a folder of mode
// 0700; whoever can open it may decide where the traffic goes. The bodies are
// the types of this package; durations are nanoseconds.
//
//	GET  /v1/status    200 Status
//	POST /v1/swap      SwapRequest: 200 SwapResult
//	POST /v1/stop      200 Status, the last counts, when another server could
//	                   start in this place
//	POST /v1/handover  Upgrade: switchover-handover, 101, then the descriptors
//	                   beside one line of JSON {version, status, socket}; the new
//	                   process answers "serving\n", the old one "retired\n"
//	GET  /v1/final     200 Status, when the old process of a handover has
//	                   drained; on its own socket, named by the handover
//
// An error is {"code", "error", "live"} with status 400 or above; code is
// unhealthy (422), busy (409), not_live (409, live is the actual backend), or
// missing. For a person: curl --unix-socket PATH http://switchover/v1/status
//
// # Files
//
// Beside the socket lie its lock, held by the serving process, and by default
// the state file, replaced durably (temporary file, fsync, rename, fsync of
// the folder) before each swap:
//
//	{"version": 1, "addr": "127.0.0.1:8080",
//	 "live": {"name": "v3", "addr": "127.0.0.1:4003"},
//	 "written": "2026-01-02T03:04:05Z"}
//
// A file of another version, or one that is not whole, is refused with
// [ErrState] and left as it is.
//
// # Errors, logs, concurrency
//
// Errors are [*Error] around one of the sentinels or the system's error. A
// Client is safe for concurrent use; a Server has one Run. Log keys: addr,
// backend, cut, error, from, from_pid, live, method, pid, probes, socket, to,
// took.
//
// A server runs on Linux, macOS and the BSDs. Elsewhere Run returns
// [errors.ErrUnsupported].
package switchover
