package tlscheck

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/masaruk/devops/monitor"
)

// maxShown is how many certificates have a measurement of their own.
const maxShown = 10

// judge verifies the certificates that the server sent, its own first.
func (c *Check) judge(r *monitor.Result, sent []*x509.Certificate, now time.Time) {
	if len(sent) == 0 {
		c.worsen(r, monitor.Fail, "no certificate", errors.New("the server sent none"))
		return
	}
	own := sent[0]
	if err := own.VerifyHostname(c.o.ServerName); err != nil {
		c.worsen(r, monitor.Fail, "the certificate is not for this host", err)
	}
	between := x509.NewCertPool()
	for _, cert := range sent[1:] {
		between.AddCert(cert)
	}
	chains, err := own.Verify(x509.VerifyOptions{Roots: c.o.RootCAs, Intermediates: between, CurrentTime: now})
	if err != nil {
		c.worsen(r, monitor.Fail, untrusted(own, err, now), err)
		chains = [][]*x509.Certificate{{own}}
	}
	end := lasts(chains)
	left := end.Sub(now)
	fraction := float64(left) / float64(max(own.NotAfter.Sub(own.NotBefore), time.Second))
	r.Measurements = append(r.Measurements, days("left", left), monitor.Measurement{Name: "lifetime_left", Value: fraction, Unit: "1"})
	for n, cert := range sent[:min(len(sent), maxShown)] {
		r.Measurements = append(r.Measurements, days(fmt.Sprintf("chain_%d_left", n), cert.NotAfter.Sub(now)))
	}
	if left > 0 { // else it is reported already
		c.due(r, end, left, fraction)
	}
}

// due judges a chain that has not ended.
func (c *Check) due(r *monitor.Result, end time.Time, left time.Duration, fraction float64) {
	status := monitor.Pass
	switch {
	case fraction < c.o.FailLeft, left < c.o.FailBefore:
		status = monitor.Fail
	case fraction < c.o.WarnLeft, left < c.o.WarnBefore:
		status = monitor.Warn
	default:
		return
	}
	c.worsen(r, status, fmt.Sprintf("the certificate expires in %.1f days", left.Hours()/24),
		fmt.Errorf("at %s, with %.0f %% of its lifetime left", end.UTC().Format(time.RFC3339), 100*fraction))
}

// untrusted tells in a few words why own was not verified.
func untrusted(own *x509.Certificate, err error, now time.Time) string {
	var invalid x509.CertificateInvalidError
	switch {
	case now.After(own.NotAfter):
		return "the certificate has expired"
	case now.Before(own.NotBefore):
		return "the certificate is not valid yet"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "a certificate of the chain is expired or not valid yet"
	}
	return "the certificate is not trusted"
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

func days(name string, d time.Duration) monitor.Measurement {
	return monitor.Measurement{Name: name, Value: d.Hours() / 24, Unit: "d"}
}
