// Package tlscheck checks the TLS of a server: that it shakes hands, with which
// version, and that its certificates are trusted, for this host, and not about
// to expire. Plain TLS of any protocol, SMTP and PostgreSQL by their STARTTLS.
//
//	mail, err := tlscheck.New("mail.example.com:25", &tlscheck.Options{StartTLS: tlscheck.SMTP})
//	...
//	monitor.Definition{Name: "mail-tls", Check: mail, Interval: time.Hour}
//
// Package httpcheck looks at the certificate of what it asks already. It is
// this one that tells each thing that is wrong, and about every certificate.
//
// # When a certificate is due
//
// The lifetime of public certificates shrinks, to 47 days by 2029, and a limit of
// 30 days before the end would then warn of healthy ones. So the limit is the
// fraction of the lifetime that is left: automatic renewal begins at about a
// third, so that a quarter is a warning and a tenth a failure by default. Days
// can be given besides.
//
// What counts is the certificate of the chain that ends first: the fraction is
// the time until then divided by the lifetime of the server's own certificate, so
// that an authority which lives for years is no cause for alarm half a year
// before its end, and is one when it ends before what it signed. Of several
// chains that lead to a trusted authority the one that lasts longest counts,
// since clients may choose.
//
// # What fails
//
// No connection, no handshake, a version below Options.MinVersion, a name that
// is not in the certificate, a chain that leads to no trusted authority (also
// because the server leaves out what lies between), a time outside its
// validity, the limits above, and with Options.RefuseOld a server that accepts
// a version below MinVersion when it is offered nothing better. All that is
// wrong is reported together.
//
// No certificate of a client is shown: a server that demands one fails the
// handshake with TLS 1.2, and with TLS 1.3 only after it, which is not seen here.
//
// Revocation is not checked: certificate authorities give up OCSP, and lists of
// revoked certificates are for browsers.
//
// # Results
//
// Measurements: "handshake" in s with the connection; "version" of TLS, such as
// 1.3; "left" in d and "lifetime_left" (1 is all of it) of the chain; and
// "chain_N_left" in d of each certificate that the server sent, at most 10,
// its own being number 0.
//
// A [Check] makes one connection each run, two with RefuseOld, and tries nothing
// again. It is safe for concurrent use and logs nothing.
package tlscheck
