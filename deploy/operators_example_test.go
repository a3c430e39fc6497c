package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/masaruk/devops/deploy"
	"github.com/masaruk/devops/deploy/runlog/filelog"
	"github.com/masaruk/devops/envconfig"
)

// What an operator asks, and says: what runs where, and which run is unfinished;
// that it is to be undone; and how well releases go.
func ExampleRunner_Standing() {
	dir, err := os.MkdirTemp("", "example-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	log, err := filelog.New(dir, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	runner, err := deploy.New(log, &deploy.Options{Initiator: "ada"})
	if err != nil {
		fmt.Println(err)
		return
	}
	release := func(artefact string, charge func(context.Context, *deploy.Call) error) deploy.Plan {
		return deploy.Plan{Service: "api", Env: envconfig.Staging(), Change: &deploy.Change{Artefact: artefact}, Steps: []deploy.Step{
			{Name: "switch", Kind: deploy.KindSwitch, InFlight: deploy.Repeat, Do: deploy.Func("switch", "1", func(context.Context, *deploy.Call) error { return nil })},
			{Name: "charge", Do: deploy.Func("charge", "1", charge)},
		}}
	}
	ctx := context.Background()
	if _, err := runner.Run(ctx, "r1", release("sha256:aa", func(context.Context, *deploy.Call) error { return nil })); err != nil {
		fmt.Println(err)
		return
	}
	second := release("sha256:bb", func(context.Context, *deploy.Call) error {
		return fmt.Errorf("the bank does not say: %w", deploy.ErrInconclusive)
	})
	_, err = runner.Run(ctx, "r2", second)
	fmt.Println("held:", errors.Is(err, deploy.ErrHeld))

	for standing, err := range runner.Standing(ctx, deploy.Ref{Service: "api", Environment: "stg"}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(standing.Live.Change.Artefact, "runs;", standing.Unfinished.Run, "is unfinished, begun by", standing.Holder.Initiator)
	}
	if err := runner.Decide(ctx, second.Ref("r2"), "", deploy.Decision{Answer: deploy.AnswerUndo, By: "olga"}); err != nil {
		fmt.Println(err)
		return
	}
	report, _ := runner.Run(ctx, "r2", second) // the error says why it was undone
	fmt.Println(report.Outcome, "because", report.Reason)

	var runs []*deploy.Report
	for r, err := range runner.History(ctx, second.Ref("")) {
		if err != nil {
			fmt.Println(err)
			return
		}
		runs = append(runs, r)
	}
	dora := deploy.MeasureDORA(runs, time.Now().Add(-24*time.Hour), time.Now())
	fmt.Printf("%d deployments, %.0f%% failed\n", dora.Deployments, 100*dora.ChangeFailRate)
	// Output:
	// held: true
	// sha256:aa runs; r2 is unfinished, begun by ada
	// undone because undone by decision of olga
	// 2 deployments, 50% failed
}

// No release begins on a Friday from noon on, nor in the two hours before,
// unless its plan says why.
func ExampleFreeze() {
	weekend := deploy.Freeze{
		Name: "weekend", Environments: []string{"prod"}, TimeZone: "Asia/Kuala_Lumpur", Lead: 2 * time.Hour,
		Weekly: &deploy.Weekly{From: deploy.WeekTime{Day: time.Friday, Hour: 12}, To: deploy.WeekTime{Day: time.Monday, Hour: 8}},
	}
	fmt.Println(weekend.Validate())
	weekend.Weekly.To.Hour = 24
	fmt.Println(weekend.Validate())
	// Output:
	// <nil>
	// field Weekly: From and To are two times of the week: days from 0 (Sunday) to 6, hours to 23, minutes to 59
}
