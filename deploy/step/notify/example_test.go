package notify_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/step/notify"
	"github.com/masaruk/devops/secrets"
)

// A dry run says who would be told.
func ExampleSend() {
	source := secrets.Static(nil) // a folder or a vault
	send := &notify.Send{
		To: []notify.Channel{
			&notify.Slack{URL: "slack_deploys", Source: source},
			&notify.Email{
				Server: "smtp.example.com:587", User: "deploy", Password: "smtp_password", Source: source,
				From: "Deploys <deploy@example.com>", To: []string{"ops@example.com"},
			},
		},
		Title: `{{.Service}} {{output "release"}} goes live in {{.Environment}}`,
	}
	fmt.Println(send.Validate())
	fmt.Println(strings.Join(send.Preview(), "\n"))
	// Output:
	// <nil>
	// tell slack (slack_deploys): {{.Service}} {{output "release"}} goes live in {{.Environment}}
	// tell email to ops@example.com by smtp.example.com:587: {{.Service}} {{output "release"}} goes live in {{.Environment}}
}

// An Announcer listens to a run and tells how it ended.
func ExampleNewAnnouncer() {
	hook := &notify.Webhook{URL: "https://hooks.example.com/deploys", Key: "hook_key", Source: secrets.Static(nil)}
	announcer, err := notify.NewAnnouncer([]notify.Channel{hook}, &notify.AnnouncerOptions{
		Outcomes: []deploy.Outcome{deploy.Undone, deploy.UndoFailed, deploy.Held},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	opts := deploy.Options{Handle: announcer.Handle}
	opts.Handle(deploy.RunFinished{Run: "r1", Outcome: deploy.Succeeded})
	fmt.Println(announcer.Wait(context.Background()))
	// Output: <nil>
}

// A receiver refuses what is not signed, or signed too long ago.
func ExampleVerify() {
	key := secrets.New("shared with the sender")
	_, err := notify.Verify(key, http.Header{}, []byte("{}"), time.Now())
	fmt.Println(err)
	// Output: header Webhook-Id or Webhook-Timestamp is missing or is none: webhook is not from who has the key, or not from now
}
