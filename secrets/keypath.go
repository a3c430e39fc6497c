package secrets

import "errors"

// Keys is a set of key paths that tell what is secret by where it stands: in
// the attributes of a log record ([NewHandler]) and in JSON ([Keys.JSON],
// [Keys.Lines]). What a path leads to is hidden as a whole, with all that is
// below it.
//
//	password                    the key password at the top
//	req.headers.authorization   a key in a key in a key
//	users[*].token              in each element of an array
//	items[0].card               in one element
//	*.password                  one level down, whatever the key or index there
//	**.password                 at any depth, the top too
//	**.*token                   names that end in token; x-amz-* begin with it
//	headers["a.b"]              a key with other characters, in " or in '
//
// They are the paths of Node's Pino, except that Pino has neither ** nor
// beginnings and ends of names. Names are the same in any case and with or
// without _ and - in them, so that accessToken, Access-Token and ACCESS_TOKEN
// are one; letters beyond ASCII are compared as they are.
//
// The zero Keys and a nil one hold no path. Keys are immutable and safe for
// concurrent use.
type Keys struct {
	// Paths are found by the end of their last name, since most names are
	// none of theirs and differ there.
	byEnd  [1 << 10]uint16 // 1 + the place in groups
	groups [][]namedPath
	// always holds the paths that end in something else than a name of two
	// letters or the end of one.
	always []keyPath
	rooted bool // some path is more than an indexed name at any depth
}

// NewKeys compiles paths. The error joins all that are wrong with them; each
// names the path and the position in it, counted in bytes from 1.
func NewKeys(paths ...string) (*Keys, error) {
	k := &Keys{}
	var errs []error
	for _, text := range paths {
		p, err := parseKeyPath(text)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		k.add(p)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return k, nil
}

// DefaultKeys returns the paths that [NewHandler] uses when it is given none:
// names under which web services, payment, SMS and e-mail providers log what
// must not be read, all at any depth.
//
//	credentials   *password *passwd *passphrase pwd pass *secret *token *apikey *secretkey
//	              *privatekey *accesskey *signingkey *encryptionkey *credential *credentials jwt bearer
//	HTTP          *authorization *cookie *cookies *sessionid session sid *signature
//	connections   databaseurl *connectionstring *dsn redisurl *webhookurl
//	cards         *cardnumber pan cvv cvv2 cvc cvc2 *cvv *cvc *securitycode pin track1 track2 iban *accountnumber
//	codes         *otp otpcode *totp *verificationcode smscode *mfacode *onetimecode *backupcodes *resetcode
//
// E-mail addresses and phone numbers are not among them: a service that must
// hide these adds its own names for them.
func DefaultKeys() []string {
	names := []string{
		"*password", "*passwd", "*passphrase", "pwd", "pass", "*secret", "*token", "*api_key", "*secret_key",
		"*private_key", "*access_key", "*signing_key", "*encryption_key", "*credential", "*credentials", "jwt", "bearer",
		"*authorization", "*cookie", "*cookies", "*session_id", "session", "sid", "*signature",
		"database_url", "*connection_string", "*dsn", "redis_url", "*webhook_url",
		"*card_number", "pan", "cvv", "cvv2", "cvc", "cvc2", "*cvv", "*cvc", "*security_code", "pin", "track1", "track2", "iban", "*account_number",
		"*otp", "otp_code", "*totp", "*verification_code", "sms_code", "*mfa_code", "*one_time_code", "*backup_codes", "*reset_code",
	}
	for i, name := range names {
		names[i] = "**." + name
	}
	return names
}

func (k *Keys) add(p keyPath) {
	last := p[len(p)-1]
	indexed := last.kind == exactName || last.kind == nameEnd && len(last.name) > 1
	k.rooted = k.rooted || !indexed || len(p) != 2 || p[0].kind != anyDepth
	if !indexed {
		k.always = append(k.always, p)
		return
	}
	end := nameEndOf(last.name)
	if k.byEnd[end] == 0 {
		k.groups = append(k.groups, nil)
		k.byEnd[end] = uint16(len(k.groups))
	}
	at := k.byEnd[end] - 1
	k.groups[at] = append(k.groups[at], namedPath{last.name, last.kind == nameEnd, p})
}

// namedPath is a path that ends in a name or in the end of one.
type namedPath struct {
	name string // folded
	end  bool
	path keyPath
}

func (p *namedPath) endsLike(name string) bool {
	before := endsIn(name, p.name)
	return before == 0 || before > 0 && p.end
}

// hit tells whether path leads to a secret.
func (k *Keys) hit(path []element) bool {
	if k == nil || len(path) == 0 {
		return false
	}
	if last := path[len(path)-1]; last.index < 0 {
		group := k.endingLike(last.name)
		for i := range group {
			if group[i].endsLike(last.name) && group[i].path.matches(path) {
				return true
			}
		}
	}
	for _, p := range k.always {
		if p.matches(path) {
			return true
		}
	}
	return false
}

// mayEnd tells whether a path that ends in name may lead to a secret. Without
// rooted paths it does.
func (k *Keys) mayEnd(name string) bool {
	if k == nil {
		return false
	}
	group := k.endingLike(name)
	for i := range group {
		if group[i].endsLike(name) {
			return true
		}
	}
	return len(k.always) > 0
}

// endingLike returns the paths whose last two letters may be those of name.
func (k *Keys) endingLike(name string) []namedPath {
	if at := k.byEnd[nameEndOf(name)]; at != 0 {
		return k.groups[at-1]
	}
	return nil
}
