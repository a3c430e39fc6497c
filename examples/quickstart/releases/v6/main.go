// Command v6 is the worst kind of bad release: it passes its health check and
// works, until a moment that nobody can foresee.
package main

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/masaruk/devops/examples/quickstart/service"
)

func main() {
	var (
		once  sync.Once
		bad   time.Time
		asked atomic.Int64
	)
	service.Run(service.Options{Working: func() error {
		// The gate asks a few times before there is traffic; the clock starts
		// with the first request after that.
		n := asked.Add(1)
		if n <= 10 {
			return nil
		}
		once.Do(func() { bad = time.Now().Add(200*time.Millisecond + rand.N(600*time.Millisecond)) })
		if n < 50 || time.Now().Before(bad) {
			return nil
		}
		return errors.New("the connection pool is exhausted")
	}})
}
