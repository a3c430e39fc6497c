// Package notify tells people about a run: to Slack, by e-mail, or to a
// service of one's own by a signed webhook.
//
//	slack := &notify.Slack{URL: "slack_deploys", Source: source} // the name of the secret
//	mail := &notify.Email{
//		Server: "smtp.example.com:587", User: "deploy", Password: "smtp_password", Source: source,
//		From: "Deploys <deploy@example.com>", To: []string{"ops@example.com"},
//	}
//	begun := deploy.Step{
//		Name: "tell", Kind: deploy.KindNotify, InFlight: deploy.Repeat,
//		Do: &notify.Send{To: []notify.Channel{slack, mail}, Title: "{{.Service}} {{output \"release\"}} goes live"},
//		Binds: []string{"release"},
//	}
//	ends, err := notify.NewAnnouncer([]notify.Channel{slack}, nil)
//	runner, err := deploy.New(log, &deploy.Options{Handle: ends.Handle})
//	report, err := runner.Run(ctx, id, plan)
//	err = errors.Join(err, ends.Wait(ctx))
//
// A [Send] is a step; it says what stands in the plan at that place. An
// [Announcer] listens to the events and tells how a run ended, whatever the
// outcome: a step could not, since a run that fails never comes to it. Do not
// use them to alert about a service that is down: that is monitoring.
//
// # Failure
//
// A notification that fails does not fail a release: [Send] writes into the
// output of the step and to the logger that it could not be sent, and succeeds,
// unless Required is set. Each channel has its time of [Send.Timeout], so a
// service that hangs does not hold up a release either; do not use the step's
// Timeout for that, which fails the step. What goes wrong before anything is
// sent, in a template or in the plan, fails the step, always. An Announcer
// keeps what failed until [Announcer.Wait] returns it.
//
// # Once or twice
//
// A step that was interrupted may have sent its notification, and repeating it
// sends it again. So does a Retry of one that is Required, to all its channels,
// also those that had it: give each such channel a step of its own. Each [Note]
// has an ID that is the same for every attempt: it is the webhook-id of a
// [Webhook] and the Message-ID of an [Email], by which a receiver knows what it
// has seen. Slack's webhooks have nothing of the kind. A call that failed is made
// again only where the service cannot have taken it (no connection, or status
// 429), except for a Webhook, whose ID makes it safe.
//
// # Texts
//
// Title and Text are text/templates with a missing key as an error. Their dot
// is [Facts]. In a [Send] the function output gives the output of a name;
// json writes any value as JSON. What they come to is plain text: characters
// that mean something to Slack or to HTML are escaped, a line feed in a title
// is refused, and so is any control character in a header of an e-mail.
//
// # Webhooks
//
// A [Webhook] follows the Standard Webhooks specification 1.0.0: headers
// webhook-id, webhook-timestamp (seconds since 1970) and webhook-signature,
// which is "v1," and the base64 of the HMAC-SHA256 over "id.timestamp.body".
// The key of the HMAC is the base64 after "whsec_" of the secret, or, where the
// secret does not begin so, its bytes. A receiver in Go calls [Verify]: it
// refuses a timestamp that is more than 5 minutes from now in either
// direction, which is the replay window, and keeps the IDs that it has seen for
// as long, so that nothing counts twice within it. A repeated notification has a new
// timestamp and its old ID. The body is the JSON of a [Note].
//
// # E-mail
//
// By the standard library's net/smtp. It is frozen: it gets no features, but
// fixes, and what is needed here is STARTTLS, AUTH PLAIN and one message. A
// well-kept library (wneessen/go-mail) would bring OAuth, S/MIME, pools and
// attachments, none of which a notification needs, and a dependency. What
// net/smtp lacks is here: time limits, TLS from the first byte, and a writer of
// headers that refuses injection. TLS is required, at least 1.2, before
// anything of the message is sent; [Plain] is for a relay on the same host and
// takes no password. Where the server has taken the message the notification
// is sent, also if it then closes the connection without a word.
//
// # Secrets
//
// The URL of a Slack webhook is a credential, and is given by the name of the
// secret; so are the key of a Webhook and the password of an Email. They are
// looked up for each notification, and no error shows them.
//
// # Concurrency, errors, logs
//
// Channels and Send are data and can be shared; an Announcer is safe for
// concurrent use. Errors name the channel and its server. The logger of the
// run gets a warning with the keys channel and err for each notification that
// could not be sent and need not be.
package notify
