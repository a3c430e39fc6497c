// Package sinktest proves that a [monitor.Sink] keeps its contract. An adapter
// calls [Run] from one of its tests:
//
//	sinktest.Run(t, func() (*sinktest.Target, error) {
//		server := newServer() // a double of what the sink sends to
//		sink, err := pagersink.New(server.URL, nil)
//		return &sinktest.Target{Sink: sink, Arrived: server.arrived, Break: server.do, Close: server.Close}, err
//	})
//
// The queue before a sink is that of its [monitor.Feed]: it is bounded, drops
// the oldest and counts what it dropped. So a sink sends before it returns, and
// has no queue of its own that could lose what it said it took.
//
// What it proves:
//
//   - what Send returned nil for has arrived, each transition of an alert, and
//     for each check in the order in which it was sent;
//   - where the destination fails Send does too, and the same transitions
//     arrive when they are sent again;
//   - where it hangs Send returns once its context has ended, with an error;
//   - with a context that has ended already it returns at once;
//   - it changes nothing that it was given, and keeps no part of the slice;
//   - no transition makes it panic or fail: of no check, of an unknown kind, with
//     an error whose methods panic, with numbers that are none, with text that is
//     long, of several lines or no UTF-8;
//   - behind a monitor whose checks change all the time, a destination that
//     fails or hangs delays no check; the queue stays within its bound; whatever
//     was not sent is counted as dropped; and the end of the monitor is bounded;
//   - when it was closed, it leaves no goroutine behind.
//
// It cannot prove that nothing secret arrives, nor what a sink makes of a
// transition: that needs tests that know the destination.
//
// The kit runs in real time, and waits for conditions with generous limits. Let
// no other test run beside it: it counts goroutines. It uses the standard
// library only.
package sinktest
