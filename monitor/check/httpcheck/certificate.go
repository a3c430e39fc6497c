package httpcheck

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/masaruk/devops/monitor"
)

// judgeCertificate looks at how long the certificates are valid still.
func (c *Check) judgeCertificate(r *monitor.Result, state *tls.ConnectionState, now time.Time) {
	if len(state.PeerCertificates) == 0 {
		return
	}
	own := state.PeerCertificates[0]
	chains := state.VerifiedChains
	if len(chains) == 0 { // the configuration does not verify
		chains = [][]*x509.Certificate{{own}}
	}
	end := lasts(chains)
	left := end.Sub(now)
	fraction := float64(left) / float64(max(own.NotAfter.Sub(own.NotBefore), time.Second))
	r.Measurements = append(r.Measurements,
		monitor.Measurement{Name: "certificate_left", Value: left.Hours() / 24, Unit: "d"},
		monitor.Measurement{Name: "lifetime_left", Value: fraction, Unit: "1"})
	status := monitor.Pass
	switch {
	case fraction < c.o.FailLeft:
		status = monitor.Fail
	case fraction < c.o.WarnLeft:
		status = monitor.Warn
	default:
		return
	}
	worsen(r, status, fmt.Sprintf("the certificate expires in %.1f days", left.Hours()/24),
		fmt.Errorf("the certificate expires at %s, with %.0f %% of its lifetime left", end.UTC().Format(time.RFC3339), 100*fraction))
}

// lasts returns the end of the chain that ends last, which is the end of its
// certificate that ends first.
func lasts(chains [][]*x509.Certificate) (end time.Time) {
	for _, chain := range chains {
		first := chain[0].NotAfter
		for _, cert := range chain[1:] {
			if cert.NotAfter.Before(first) {
				first = cert.NotAfter
			}
		}
		if first.After(end) {
			end = first
		}
	}
	return end
}
