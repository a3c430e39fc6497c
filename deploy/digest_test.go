package deploy_test

import (
	"bufio"
	"context"
	"fmt"
	"os"

	"github.com/masaruk/devops/deploy"
)

// tellDigest is the program of TestTheDigestIsOfTheProgramThatRuns: it waits for a line, runs a
// plan, and prints the digest that the log has of it.
func tellDigest() {
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	var did []string
	runner, err := deploy.New(newMemLog(), nil)
	if err == nil {
		var rep *deploy.Report
		if rep, err = runner.Run(context.Background(), "r1", three(&did)); err == nil {
			fmt.Println(rep.Controllers[0].Executable)
			return
		}
	}
	fmt.Println(err)
}
